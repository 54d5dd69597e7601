import Logging
import TertibRuntime
import TertibCore

/// One run's world: a broker, a database, replicas, whoever else publishes, and the oracles that watch.
///
/// `@unchecked Sendable`: the scheduler's threads touch it one at a time.
final class SimulatedWorld: @unchecked Sendable {
    static let namespace = "simulation"
    static let consumer = "simulated"
    static let service = "simulator"
    static var durable: String { "\(service)-\(consumer)" }

    let plan: SimulationPlan
    let subject: SimulationSubject
    let scheduler: SeededScheduler
    let schedule: DecisionStream
    let brokerChoices: DecisionStream
    let trace: SimulationTrace
    let names: SimulationNames
    var settings: ConsumerSettings
    let environment: Lane
    let time: VirtualTime
    let databaseTime: VirtualTime
    let log: MemoryLog
    private(set) var database: MemoryDatabase?
    var slots: [SimulatedReplica] = []
    var oracles: [any Oracle]
    var violations: [Violation] = []
    var branches: [RareBranch: Int] = [:]
    /// How often each event's handler has failed on purpose.
    var failures: [LedgerEntry: Int] = [:]
    /// The events of the stream, decoded once.
    var events: [StreamSequence: Envelope] = [:]
    /// Commits so far.
    var commits = 0
    /// Those of them that have claimed watermarks.
    var batches = 0
    /// Of replicas that have lost a claim with nothing but gapped events in hand, the lowest of them: what
    /// ``RareBranch/drainThenPark`` is told by.
    var waiting: [Aggregate: [Int: AggregateVersion]] = [:]
    /// The running transactions that have claimed watermarks.
    var claiming: Set<Int> = []
    /// Calls to the store so far.
    var storeCalls = 0
    /// Steps of transactions so far: the n-th one may be made to fail.
    var storeSteps = 0
    /// Calls to the broker so far, by kind: the n-th one of each may be made to fail.
    var logCalls = 0
    var publishes = 0
    var fetches = 0
    var answers = 0
    /// Calls that append, so far.
    var appends = 0
    /// Whether the stream was deleted once, so that a consumer that ends because of it is right.
    var hasLostStream = false
    /// When it was created anew, for good.
    var recreatedAt: Duration?
    /// Whether sequences were used again.
    var reusesSequences = false
    /// Whether faults have ended.
    var isQuiet = false
    /// Whether replicas are to stop for good.
    var isStopping = false
    var isDone = false

    init(_ plan: SimulationPlan, subject: SimulationSubject, keepsTrace: Bool) throws {
        try plan.validate()
        let options = plan.options
        self.plan = plan
        self.subject = subject
        names = try SimulationNames()
        schedule = DecisionStream(seed: options.seed &* 3 &+ 1, script: plan.schedule?.script)
        brokerChoices = DecisionStream(seed: options.seed &* 5 &+ 2, script: plan.broker?.script)
        scheduler = SeededScheduler(
            decisions: schedule,
            character: .init(
                stickiness: options.stickiness, slowness: options.slowness, haste: options.haste))
        trace = SimulationTrace(isKept: keepsTrace)
        environment = scheduler.addLane("world")
        var draw = SeededGenerator(seed: options.seed ^ 0x51)
        time = VirtualTime(scheduler)
        databaseTime = VirtualTime(scheduler, skew: options.hasSkew ? .milliseconds(draw.number(-3000...3000)) : .zero)
        var stream = MemoryStreamSettings()
        stream.duplicateWindow = .seconds(10)  // short, so that runs reach beyond it
        log = MemoryLog(
            namespace: names.namespace, stream: names.stream, settings: stream,
            chance: MemoryChance(brokerChoices), time: time)
        settings = Self.settings(options, names.wanted.union(subject.types), names)
        oracles = Self.oracles(plan, subject: subject, names: names, settings: settings)
        let statements = ConformanceSQL.meanings.merging(subject.statements) { _, new in new }
            .merging(SimulationLedger.meanings) { _, new in new }
        database = MemoryDatabase(
            isolation: options.isolation == .serial ? .serial : .readCommitted, statements: statements,
            time: databaseTime, threads: scheduler, observer: self)
        var faults = MemoryLogFaults()
        faults.answerLoss = options.lostAnswers
        faults.duplication = options.doubleDeliveries
        faults.shuffleWindow = options.deliveryWindow
        log.faults = faults
        log.onStored = { [unowned self] in stored($0) }
        let most = options.replicas + plan.disturbances.count { $0.kind == .join }
        for number in 0..<most { slots.append(SimulatedReplica(number, world: self)) }
    }

    /// Lets go of the database, which reports to this world and so keeps it: then both can be freed.
    func end() { database = nil }

    private static func settings(_ options: SimulationOptions, _ types: Set<AggregateType>, _ names: SimulationNames)
        -> ConsumerSettings
    {
        ConsumerSettings(
            name: names.consumer, aggregates: types, batch: options.batch,
            acknowledgementWait: .milliseconds(options.acknowledgementWait),
            gapHold: .milliseconds(options.gapHold),
            retry: RetryPolicy(
                maxAttempts: options.maxAttempts, initialDelay: .milliseconds(100), maxDelay: .seconds(2)),
            maxParkedPerAggregate: options.maxParkedPerAggregate)
    }

    private static func oracles(
        _ plan: SimulationPlan, subject: SimulationSubject, names: SimulationNames, settings: ConsumerSettings
    ) -> [any Oracle] {
        // An event whose own transaction's commit is refused is blamed, and what is applied alone leaves its drain.
        let refusals = plan.disturbances.count { $0.kind == .commitRefused }
        let hasRefusals = refusals > 0
        var known = OracleSettings()
        known.types = settings.aggregates
        known.published = subject.published.union([names.order, names.echo])
        known.appended = [names.account]
        known.maxParkedPerAggregate = settings.maxParkedPerAggregate
        known.maxParkedInAll = settings.maxParkedTotal + plan.options.replicas * settings.batch
        known.allowsLeftovers = hasRefusals
        known.failing = hasRefusals ? nil : plan.failing(0)
        // A refusal may be an attempt beside those in which the handler fails.
        known.leastFailures = max(1, plan.options.maxAttempts - refusals)
        known.bad = plan.failing(known.leastFailures)
        known.maxAttempts = plan.options.maxAttempts
        return known.oracles
    }

    // MARK: - Watching

    func observe(_ observation: Observation) {
        for index in oracles.indices {
            guard let statement = oracles[index].observe(observation) else { continue }
            violate(oracles[index].name, statement)
        }
    }

    func violate(_ oracle: String, _ statement: String) {
        let milliseconds = Int(scheduler.now / .milliseconds(1))
        trace.add(scheduler.now, SimulationTrace.oracle, "\(oracle): \(statement)")
        guard violations.count < 20 else { return }
        violations.append(Violation(oracle: oracle, statement: statement, at: milliseconds))
    }

    func meet(_ branch: RareBranch, _ times: Int = 1) {
        guard times > 0 else { return }
        branches[branch, default: 0] += times
    }

    /// Writes a line, on behalf of whoever runs.
    func note(_ what: @autoclosure () -> String, isStep: Bool = false) {
        guard trace.isKept else { return }
        trace.add(scheduler.now, scheduler.lanes[scheduler.current].name, what(), isStep: isStep)
    }

    private func stored(_ message: LoggedMessage) {
        let event = try? names.codec.decode(message.message)
        events[message.sequence] = event
        note(
            "the stream stores \(event.map { "\($0.aggregate)@\($0.version)" } ?? "a malformed message") "
                + "as message \(message.sequence)")
        observe(.stored(message, event))
    }

    /// A replica answers deliveries; a dead one reaches nobody.
    func answered(_ answer: DeliveryAnswer, _ deliveries: [Delivery], by life: SimulatedReplica.Life) {
        guard !deliveries.isEmpty, !life.isDead else { return }
        note("\(answer.words) \(deliveries.map { "\($0.sequence)" }.joined(separator: " "))")
        guard answer == .acknowledge, let committed = database?.committed else { return }
        for delivery in deliveries {
            let evidence = evidence(for: delivery, in: committed)
            if isForkBelowWatermark(evidence, in: committed) { meet(.forkBelowWatermark) }
            observe(.acknowledged(evidence))
        }
    }
}

extension DeliveryAnswer {
    fileprivate var words: String {
        switch self {
        case .acknowledge: "acknowledges"
        case .negativeAcknowledge(let delay): "gives back for \(delay)"
        case .inProgress: "is still at"
        }
    }
}

extension SimulationPlan {
    /// The events whose handler fails at least so often.
    func failing(_ times: Int) -> Set<EventVersion> {
        var keys: Set<EventVersion> = []
        for entry in failing where (entry.times ?? .max) >= times {
            guard let aggregate = SimulationNames.aggregate(entry.aggregate),
                let version = AggregateVersion(Int64(entry.version))
            else { continue }
            keys.insert(EventVersion(aggregate, version))
        }
        return keys
    }
}
