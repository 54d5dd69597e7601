import Logging
import TertibRuntime
import TertibCore

/// One replica of the simulated service: it lives, crashes, comes back, joins and leaves.
///
/// `@unchecked Sendable`: the scheduler's threads touch it one at a time.
final class SimulatedReplica: @unchecked Sendable {
    /// From a start to the end that follows it.
    ///
    /// `@unchecked Sendable`: the scheduler's threads touch it one at a time.
    final class Life: @unchecked Sendable {
        let log: MemoryLog
        let store: MemoryStore
        let stop = ChangeSignal()
        /// Whether it has crashed: what it still does reaches nobody.
        var isDead = false
        var isAsked = false
        var received = 0
        /// What it was delivered and has not answered for good, by message.
        var inHand: [StreamSequence: (aggregate: Aggregate, version: AggregateVersion)] = [:]

        init(log: MemoryLog, store: MemoryStore) {
            self.log = log
            self.store = store
        }
    }

    let number: Int
    /// Where the plan has it crash.
    private let crashes: [(site: CrashSite, nth: Int, lasting: Duration)]
    unowned let world: SimulatedWorld
    let lane: Lane
    let time: VirtualTime
    private(set) var life: Life?
    private(set) var isWanted: Bool
    private var downUntil: Duration = .zero
    private let changed = ChangeSignal()
    /// How often it has come to each site, in all its lives.
    private var reached: [CrashSite: Int] = [:]
    /// When it has ended because of its stream.
    private(set) var lastRefusal: Duration?
    private(set) var random: SeededGenerator
    /// What it was asked to write, beside consuming.
    var toStage: [SimulationPlan.Staged] = []
    var toAppend: [SimulationPlan.Appended] = []
    let mail = ChangeSignal()
    /// The versions of aggregates that its writer has heard of.
    var known: [Aggregate: AggregateVersion] = [:]

    init(_ number: Int, world: SimulatedWorld) {
        self.number = number
        self.world = world
        lane = world.scheduler.addLane("replica \(number)")
        random = SeededGenerator(seed: world.plan.options.seed &+ UInt64(number + 1) &* 0x9E37_79B9)
        let skew = world.plan.options.hasSkew ? random.number(-5000...5000) : 0
        time = VirtualTime(
            world.scheduler, offset: .seconds(random.number(0...1000)), skew: .milliseconds(skew))
        isWanted = number < world.plan.options.replicas
        crashes = world.plan.disturbances.compactMap { disturbance in
            guard disturbance.kind == .crash, disturbance.replica == number, let nth = disturbance.nth,
                let site = disturbance.point.flatMap(CrashSite.init)
            else { return nil }
            return (site, nth, .milliseconds(disturbance.lasting ?? 100))
        }
    }

    // MARK: - Its lives

    /// Lives again and again, until the world ends.
    func live() async {
        while !world.isStopping {
            let seen = changed.count
            if !isWanted {
                await changed.change(after: seen)
            } else if world.scheduler.now < downUntil {
                await world.time.pass(downUntil - world.scheduler.now)
            } else {
                await liveOnce()
            }
        }
    }

    private func liveOnce() async {
        guard let database = world.database else { return }
        let life = Life(log: world.log.replica(), store: MemoryStore(database: database))
        life.store.onStep = { [unowned world, number] in try world.willStep($0, of: number) }
        self.life = life
        world.trace.add(world.scheduler.now, lane.name, "starts")
        do {
            let (service, consumer) = try makeService(life)
            await run(service, consumer, life)
            world.countBranches(consumer.counts)
            let isOrderly = !life.isDead
            if isOrderly { world.observe(.stopped(counts: consumer.counts, received: life.received)) }
            world.trace.add(world.scheduler.now, lane.name, isOrderly ? "has stopped in order" : "is down")
        } catch {
            world.observe(.halted("replica \(number) cannot be made: \(error)"))
            isWanted = false
        }
        self.life = nil
        await life.log.close()
    }

    private func makeService(_ life: Life) throws -> (EventBus, Consumer) {
        var logger = Logger(label: "simulation") { [unowned world] _ in SimulationLogHandler(world: world) }
        logger.logLevel = world.trace.isKept ? .notice : .critical
        let context = RuntimeContext(
            time: time, random: { [unowned self] in random.next() }, logger: logger)
        let isAlive: IsAlive = { [unowned self] in self.isAlive(at: $0, life) }
        let names = world.names
        var publishes = [names.order: PublishingMode.outbox, names.echo: .outbox, names.account: .append]
        for type in world.subject.published { publishes[type] = .outbox }
        let service = try EventBus(
            options: EventBusOptions(
                service: names.service, namespace: names.namespace, consumers: [names.consumer: world.settings],
                publishes: publishes),
            log: CrashingLog(SimulatedLog(life.log, replica: self, life: life), isAlive: isAlive),
            store: CrashingStore(life.store, isAlive: isAlive), context: context)
        return (service, try service.consumer(SimulatedWorld.consumer, handlers: world.handlers()))
    }

    private func run(_ service: EventBus, _ consumer: Consumer, _ life: Life) async {
        await withTaskGroup(of: (any Error)?.self) { group in
            group.addTask(executorPreference: lane) {
                await Self.failure { try await consumer.runUntilCancelled() }
            }
            group.addTask(executorPreference: lane) {
                await Self.failure { try await service.relayUntilCancelled() }
            }
            group.addTask(executorPreference: lane) { [self] in
                await Self.failure { try await stage(service) }
            }
            group.addTask(executorPreference: lane) { [self] in
                await Self.failure { try await append(service) }
            }
            group.addTask {
                while !life.isDead, !life.isAsked, !Task.isCancelled {
                    let seen = life.stop.count
                    if !life.isDead, !life.isAsked { await life.stop.change(after: seen) }
                }
                return nil
            }
            let first = await group.next() ?? nil
            if let first, !life.isDead, !life.isAsked, !isRefused(first) {
                world.observe(.halted("replica \(number) has ended by itself: \(first)"))
                isWanted = false
            }
            group.cancelAll()
            await group.waitForAll()
        }
    }

    /// Whether it has ended because its stream is gone or another one, as it should, and says what to do; then somebody
    /// starts it again after a while.
    private func isRefused(_ error: any Error) -> Bool {
        let advice: String?
        switch error {
        case let error as EventLogError where error.code == .streamGone: advice = error.advice
        case let error as ConsumerError where error.code == .streamChanged: advice = error.advice
        default: return false
        }
        guard world.hasLostStream, advice != nil else { return false }
        world.note("ends: \("\(error)".split(separator: "\n").joined(separator: " "))")
        world.meet(.streamRefused)
        lastRefusal = world.scheduler.now
        downUntil = world.scheduler.now + .milliseconds(500)
        return true
    }

    private static func failure(_ body: () async throws -> Void) async -> (any Error)? {
        do {
            try await body()
            return nil
        } catch {
            return error
        }
    }

    // MARK: - What is done to it

    /// Ends it without a word, as kill -9 does, for a while.
    func die(lasting: Duration) {
        guard let life, !life.isDead else { return }
        life.isDead = true
        downUntil = world.scheduler.now + lasting
        life.log.disconnect()
        life.log.crash()
        life.store.crash()
        life.stop.notify()
    }

    func setWanted(_ isWanted: Bool) {
        self.isWanted = isWanted
        if !isWanted, let life {
            life.isAsked = true
            life.stop.notify()
        }
        changed.notify()
    }

    /// Everything that was done to it ends.
    func heal() {
        downUntil = min(downUntil, world.scheduler.now)
        lane.pausedUntil = .zero
        time.heal()
        life?.log.reconnect()
    }

    /// Whether it lives on; here it crashes, where the plan says so.
    private func isAlive(at site: CrashSite, _ life: Life) -> Bool {
        if life.isDead { return false }
        let count = reached[site, default: 0] + 1
        reached[site] = count
        guard !world.isQuiet, let crash = crashes.first(where: { $0.site == site && $0.nth == count }) else {
            return true
        }
        world.note("CRASHES at \(site)")
        world.meet(.crash)
        die(lasting: crash.lasting)
        return false
    }

    // MARK: - Its connection

    /// On the way to or from the broker: a moment in which others get their turn.
    func hop() async {
        await time.pass(.microseconds(random.number(0...2000)))
    }

    func note(_ outcome: PublishOutcome, of message: WireMessage) {
        switch outcome {
        case .unknown: world.meet(.unknownPublish)
        case .unexpected: world.meet(.superseded)
        case .stored, .refused: break
        }
        world.note("publishes to \(message.subject): \(outcome.words)")
    }
}

extension PublishOutcome {
    fileprivate var words: String {
        switch self {
        case .stored(let sequence, let isDuplicate): "message \(sequence)\(isDuplicate ? ", a duplicate" : "")"
        case .unexpected(let actual): "the last message is \(actual?.description ?? "another"), not the expected one"
        case .refused(let error): "refused, \(error.reason)"
        case .unknown: "no answer"
        }
    }
}

/// Writes what the runtime logs into the trace.
struct SimulationLogHandler: LogHandler {
    unowned let world: SimulatedWorld
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.notice

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        world.note("logs: \(event.message)")
    }
}
