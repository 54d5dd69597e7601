import TertibRuntime
import TertibCore

extension SimulatedWorld {
    /// How long everything may take to come to rest after the faults have stopped, in virtual time.
    static let restLimit: Duration = .seconds(90)

    /// The life of the world, from the first event until everything has stopped.
    func live() async {
        await withTaskGroup(of: Void.self) { group in
            for slot in slots { group.addTask { await slot.live() } }
            group.addTask { [self] in await publish() }
            group.addTask { [self] in await stage() }
            group.addTask { [self] in await append() }
            for disturbance in plan.disturbances where disturbance.at != nil {
                group.addTask { [self] in await disturb(disturbance) }
            }
            group.addTask { [self] in await supervise() }
            await group.waitForAll()
        }
        isDone = true
    }

    private func publish() async {
        for event in plan.events {
            await wait(until: event.at)
            guard let message = message(of: event) else { continue }
            log.store(message)
        }
    }

    private func stage() async {
        for staged in plan.staged.sorted(by: { $0.at < $1.at }) {
            await wait(until: staged.at)
            guard slots.indices.contains(staged.replica) else { continue }
            slots[staged.replica].post(staged)
        }
    }

    private func append() async {
        for appended in plan.appended.sorted(by: { $0.at < $1.at }) {
            await wait(until: appended.at)
            guard slots.indices.contains(appended.replica) else { continue }
            slots[appended.replica].post(appended)
        }
    }

    private func wait(until milliseconds: Int) async {
        let duration = Duration.milliseconds(milliseconds) - scheduler.now
        if duration > .zero { await time.pass(duration) }
    }

    /// Faults for their time, then rest, then the end of all replicas in order.
    private func supervise() async {
        await wait(until: plan.lastMoment)
        trace.add(scheduler.now, "world", "every fault has ended")
        isQuiet = true
        scheduler.character.haste = 0
        scheduler.character.slowness = 0
        log.faults = MemoryLogFaults()
        log.setAvailable(true)
        database?.setAvailable(true)
        databaseTime.heal()
        for slot in slots {
            slot.heal()
            if slot.number == 0 { slot.setWanted(true) }
        }
        await comeToRest()
        checkInvariant()
        isStopping = true
        for slot in slots { slot.setWanted(false) }
    }

    private func comeToRest() async {
        if let recreatedAt { return await beRefused(since: recreatedAt, until: scheduler.now + Self.restLimit) }
        if settings.maxParkedPerAggregate < Self.room, plan.blocksForGood {
            await rest(until: scheduler.now + Self.limitPatience)
            if !isAtRest { await giveRoom() }
        }
        await rest(until: scheduler.now + Self.restLimit)
        // What has just come to rest is looked at for a moment longer.
        await time.pass(.seconds(3))
        let calls = storeCalls
        await time.pass(.seconds(2))
        let living = slots.count { $0.life != nil }
        observe(.rest(rest(idleCalls: Double(storeCalls - calls) / 2 / Double(max(1, living)))))
    }

    private func rest(until deadline: Duration) async {
        while !isAtRest, scheduler.now < deadline { await time.pass(.milliseconds(200)) }
    }

    /// Room for more parked rows of an aggregate than any run has.
    private static let room = 1000
    /// How long a consumer that has reached a limit stands still before somebody looks after it.
    private static let limitPatience: Duration = .seconds(8)

    /// What an operator does about an aggregate that has reached its limit of parked rows and is blocked for good: raises
    /// the limit in the configuration, and starts one replica after the other anew.
    private func giveRoom() async {
        trace.add(scheduler.now, "world", "the limit of parked rows is raised")
        meet(.limitRaised)
        settings.maxParkedPerAggregate = Self.room
        observe(.limitRaised(maxParkedPerAggregate: Self.room))
        for slot in slots where slot.isWanted {
            slot.setWanted(false)
            while slot.life != nil { await time.pass(.milliseconds(10)) }
            slot.setWanted(true)
        }
    }

    private func checkInvariant() {
        guard recreatedAt == nil, let invariant = subject.invariant, let tables = database?.committed else { return }
        do {
            try invariant(SimulationState(tables: tables))
        } catch {
            violate(Minimiser.invariant, "\(error)")
        }
    }

    private var isAtRest: Bool {
        // Where the stream has just been restored nobody receives yet, and nothing seems to be left.
        guard log.broker.look({ $0.consumerState(Self.durable) }) != nil else { return false }
        let rest = rest(idleCalls: 0)
        var oracle = RestOracle(types: settings.aggregates)
        let waitsForRetry = rest.parked.contains { $0.reason == .retry }
        return !waitsForRetry && oracle.observe(.rest(rest)) == nil
    }

    // MARK: - Disturbances

    private func disturb(_ disturbance: Disturbance) async {
        await wait(until: disturbance.at ?? 0)
        guard !isQuiet else { return }
        let lasting = Duration.milliseconds(disturbance.lasting ?? 0)
        let slot = disturbance.replica.flatMap { slots.indices.contains($0) ? slots[$0] : nil }
        trace.add(
            scheduler.now, "world", "\(disturbance.kind.rawValue)\(slot.map { " of replica \($0.number)" } ?? "")")
        switch disturbance.kind {
        case .kill: slot?.die(lasting: lasting)
        case .brokerAway:
            log.setAvailable(false)
            await time.pass(lasting)
            log.setAvailable(true)
        case .databaseAway:
            database?.setAvailable(false)
            await time.pass(lasting)
            database?.setAvailable(true)
        case .cut:
            guard let life = slot?.life else { return }
            life.log.disconnect()
            await time.pass(lasting)
            if !life.isDead { life.log.reconnect() }
        case .pause: slot?.lane.pausedUntil = scheduler.now + lasting
        case .join: slots.first { $0.life == nil }?.setWanted(true)
        case .leave: slot?.setWanted(false)
        case .lostPublish: log.faults.lostPublishes += 1
        case .lostPublishAnswer: log.faults.lostPublishAnswers += 1
        case .databaseClock: databaseTime.skew += .milliseconds(disturbance.amount ?? 0)
        case .replicaClock: slot?.time.skew += .milliseconds(disturbance.amount ?? 0)
        case .databaseClockStopped: await stop(databaseTime, lasting: lasting)
        case .replicaClockStopped: if let slot { await stop(slot.time, lasting: lasting) }
        case .forget: forget(disturbance.amount ?? 1)
        case .skip: skip(disturbance.amount ?? 1)
        case .trim: trim(keeping: disturbance.amount ?? 0)
        case .loseTail: await loseTail(disturbance.amount ?? 1, lasting: lasting)
        case .restore: await restore(without: disturbance.amount ?? 0, lasting: lasting)
        case .recreate: await recreate(lasting: lasting)
        case .crash, .unknownCommitted, .unknownRolledBack, .conflict, .commitRefused, .storeConflict, .storeAway,
            .logAway, .publishAnswerLost, .fetchLost, .answerLost:
            break
        }
    }

    private func stop(_ clock: VirtualTime, lasting: Duration) async {
        clock.frozenAt = clock.wall
        await time.pass(lasting)
        clock.frozenAt = nil
    }

    private func forget(_ count: Int) {
        let last = log.broker.look { $0.messages.last }
        guard last > 0 else { return }
        log.forgetDeliveries(
            of: Self.durable, from: StreamSequence(last > UInt64(count) ? last - UInt64(count) : 1))
    }

    /// What happens at each step of a store, before it.
    func willStep(_ step: MemoryStep, of replica: Int) throws {
        if step.operation == .begin || step.operation == .read { storeCalls += 1 }
        if step.operation == .savepoint { meet(.careful) }
        if trace.isKept { note(step.operation.words, isStep: true) }
        guard !isQuiet else { return }
        storeSteps += 1
        var isClaiming = false
        if step.operation == .claim { claiming.insert(step.transaction) }
        if step.operation == .commit {
            commits += 1
            isClaiming = claiming.remove(step.transaction) != nil
            if isClaiming { batches += 1 }
        }
        try failIfPlanned()
        guard step.operation == .commit else { return }
        // At most one fault of the commit: a second one would meet the next commit, whoever's it is.
        let fault = plan.disturbances.lazy.compactMap { self.fault($0, isClaiming: isClaiming) }.first
        guard let fault else { return }
        if fault == .unknown(isCommitted: true) { meet(.unknownCommitted) }
        if fault == .unknown(isCommitted: false) { meet(.unknownRolledBack) }
        database?.add(fault)
    }

    /// The n-th step fails, where the plan says so.
    private func failIfPlanned() throws {
        for disturbance in plan.disturbances where disturbance.nth == storeSteps {
            switch disturbance.kind {
            case .storeConflict: throw StoreError(.conflict, attempted: "take a step", reason: "planned")
            case .storeAway: throw StoreError(.unavailable, attempted: "take a step", reason: "planned")
            default: continue
            }
        }
    }

    /// What goes wrong with the commit that is about to be made.
    private func fault(_ disturbance: Disturbance, isClaiming: Bool) -> MemoryCommitFault? {
        guard let nth = disturbance.nth else { return nil }
        switch disturbance.kind {
        case .unknownCommitted: return nth == commits ? .unknown(isCommitted: true) : nil
        case .unknownRolledBack: return nth == commits ? .unknown(isCommitted: false) : nil
        case .conflict: return nth == commits ? .conflict : nil
        // Twice: the batch as a whole, and with a savepoint an event; then each event gets a transaction.
        case .commitRefused: return isClaiming && (nth == batches || nth + 1 == batches) ? .refused : nil
        default: return nil
        }
    }

    /// Whether the call to the broker that is made now is the one that fails in this way, by the number of its kind.
    func fails(_ kind: Disturbance.Kind, _ count: ReferenceWritableKeyPath<SimulatedWorld, Int>) -> Bool {
        guard !isQuiet else { return false }
        self[keyPath: count] += 1
        return plan.disturbances.contains { $0.kind == kind && $0.nth == self[keyPath: count] }
    }

    func countBranches(_ counts: ConsumerCounts) {
        meet(.lostClaim, counts.conflicts)
        meet(.held, counts.held)
        meet(.repaired, counts.repaired)
        meet(.retried, counts.retried)
        meet(.paused, counts.pauses)
    }

    /// The message that an event of the plan stands for.
    func message(of event: SimulationPlan.Event) -> WireMessage? {
        if event.kind == nil, let message = subject.message { return message(event) }
        guard let aggregate = SimulationNames.aggregate(event.aggregate),
            let version = AggregateVersion(Int64(event.version)),
            let id = try? EventID("\(event.aggregate)@\(event.version)\(event.kind == .fork ? "-fork" : "")"),
            let type = try? EventType("\(aggregate.type).changed")
        else { return nil }
        let envelope = Envelope(
            id: id, source: names.source, type: type, aggregate: aggregate, version: version,
            time: VirtualTime.start, body: Array(#"{"version":\#(event.version)}"#.utf8))
        var message = names.codec.encode(envelope)
        if event.kind == .malformed { message.headers.removeAll { $0.isNamed(Header.aggregateVersion) } }
        return message
    }
}

extension SimulationPlan {
    /// Whether it has anything that may keep an aggregate from ever going on.
    fileprivate var blocksForGood: Bool {
        let kinds: Set<Disturbance.Kind> = [.trim, .loseTail, .restore, .commitRefused]
        return failing.contains { ($0.times ?? .max) >= options.maxAttempts } || events.contains { $0.kind == .fork }
            || disturbances.contains { kinds.contains($0.kind) } || lacksVersions
    }

    /// Whether a version is missing for good, as in a plan that was made smaller.
    private var lacksVersions: Bool {
        let versions = Dictionary(grouping: events.filter { $0.kind == nil }, by: \.aggregate)
            .mapValues { Set($0.map(\.version)) }
        return versions.values.contains { ($0.max() ?? 0) > $0.count }
    }

    /// When the last event is stored and the last disturbance of a moment is over.
    var lastMoment: Int {
        let events = events.map(\.at) + staged.map(\.at) + appended.map(\.at)
        let disturbances = disturbances.map { ($0.at ?? 0) + ($0.at == nil ? 0 : $0.lasting ?? 0) }
        return max(options.milliseconds, (events + disturbances).max() ?? 0)
    }
}

extension MemoryOperation {
    fileprivate var words: String {
        switch self {
        case .execute: "execute"
        case .query: "query"
        default: "\(self)"
        }
    }
}
