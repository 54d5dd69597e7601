import TertibCore
import TertibRuntime
package import TertibTesting

/// What a commit has made of one aggregate, in the bytes that say it: fields are ordered by size, there is no padding.
private struct CommitFact {
    /// The effects before and after, by version: the message plus one.
    var effectsBefore = InlineArray<8, UInt8>(repeating: 0)
    var effects = InlineArray<8, UInt8>(repeating: 0)
    /// The parked rows after, by version.
    var parked = InlineArray<8, UInt16>(repeating: 0)
    /// The open dead letters after, by message; those of other aggregates are left out.
    var deadLetters = InlineArray<32, DeadLetterMark>(repeating: DeadLetterMark())
    /// The aggregate's messages that were acknowledged before.
    var acknowledged: UInt32 = 0
    var before: UInt16 = 0
    var after: UInt16 = 0
    /// The rows that are parked in all, after.
    var parkedInAll: UInt16 = 0
    var aggregate: UInt8 = 0
    var marks = Marks()
    var padding: UInt32 = 0

    struct Marks: OptionSet {
        let rawValue: UInt8
        /// The watermark's row was written.
        static let wroteRow = Marks(rawValue: 1)
        /// Something was parked, or deleted.
        static let changedParked = Marks(rawValue: 2)
        /// A drain is left over.
        static let hasLeftovers = Marks(rawValue: 4)
    }
}

/// An acknowledgement, and what the database has of the message's aggregate.
private struct AcknowledgementFact {
    var row: UInt16 = 0
    /// What is parked at the message's version.
    var parked: UInt16 = 0
    var message: UInt16 = 0
    var isDeadLetter: UInt16 = 0
}

/// What becomes of a batch's deliveries.
private struct SettlementFact {
    var deliveries: UInt64
    var acknowledged: UInt64
    var carried: UInt64
}

/// Everything that the database has when nothing moves any more.
private struct RestFact {
    var rows: InlineArray<4, UInt16>
    var parked: InlineArray<32, UInt16>
    var effects: InlineArray<32, UInt8>
    var deadLetters: InlineArray<32, DeadLetterMark>
}

extension ConsumerWorld {
    /// What the oracles have to know of this world.
    static func oracleSettings(_ setup: ConsumerScenario, _ fixtures: Fixtures) -> OracleSettings {
        func keys(_ isWanted: (ConsumerScenario.Behaviour) -> Bool) -> Set<EventVersion> {
            Set(
                setup.messages.indices.filter { isWanted(setup.messages[$0].behaviour) }
                    .map { EventVersion(fixtures.envelopes[$0].aggregate, fixtures.envelopes[$0].version) })
        }
        var settings = OracleSettings()
        settings.maxParkedPerAggregate = setup.parkedLimit
        settings.maxAttempts = setup.maxAttempts
        settings.failing = keys { $0 != .applies }
        settings.bad = keys { $0 == .fails || $0 == .mayFail && setup.allowed(.failure) >= setup.maxAttempts }
        return settings
    }

    private func entries(
        _ effects: InlineArray<8, UInt8>, without known: InlineArray<8, UInt8>? = nil
    ) -> [LedgerEntry] {
        (0..<8).filter { effects[$0] != 0 && known?[$0] != effects[$0] }.map { fixtures.entry(Int(effects[$0]) - 1) }
    }

    private func deadLetters(_ marks: InlineArray<32, DeadLetterMark>) -> [DeadLetter] {
        fixtures.envelopes.indices.filter { marks[$0].exists }.map { message in
            let envelope = fixtures.envelopes[message]
            return DeadLetter(
                id: "dead-letter-\(message)", aggregate: envelope.aggregate, version: envelope.version,
                eventID: envelope.id, streamCreatedAt: Fixtures.now, streamSequence: Fixtures.sequence(message),
                message: fixtures.messages[message], reason: marks[message].reason, error: "it fails",
                attempts: marks[message].attempts, failedAt: Fixtures.now)
        }
    }

    // MARK: - Commits

    /// Commits what a transaction has written, and lets the oracles judge it.
    func write(of thread: Int, _ state: inout ConsumerState) -> Violation? {
        guard let transaction = transaction(of: thread, in: state) else { return nil }
        let before = state
        var touched: UInt8 = 0
        var marks = InlineArray<4, CommitFact.Marks>(repeating: [])
        for write in transaction.writes {
            switch write {
            case .row(let aggregate, let row):
                state.rows[aggregate] = row
                marks[aggregate].insert(.wroteRow)
                touched |= 1 << UInt8(aggregate)
            case .park(let slot, let row):
                state.parked[slot] = row
                marks[slot / 8].insert(.changedParked)
                touched |= 1 << UInt8(slot / 8)
            case .deleteParked(let aggregate, let through):
                for version in 1...8 where version <= through {
                    let slot = ConsumerState.slot(aggregate, version)
                    if state.parked[slot] != 0 { marks[aggregate].insert(.changedParked) }
                    state.parked[slot] = 0
                }
            case .deadLetter(let message, let mark):
                state.deadLetters[message] = mark
                touched |= 1 << UInt8(setup.messages[message].aggregate)
            case .effect(let message):
                state.effects[slot(message)] = UInt8(message + 1)
                touched |= 1 << UInt8(setup.messages[message].aggregate)
            }
        }
        for other in 0..<setup.threads { state.threads[other].unchanged &= ~touched }
        var hasLeftovers = false
        if case .finished(let result)? = transaction.end { hasLeftovers = result.report.hasLeftovers }
        for aggregate in touched.members {
            // What is left over stays so until a later transaction comes further.
            let hasMoved =
                tables.watermarks[state.rows[aggregate]]?.version != tables.watermarks[before.rows[aggregate]]?.version
            if hasLeftovers {
                state.leftovers |= 1 << UInt32(aggregate)
            } else if hasMoved {
                state.leftovers &= ~(1 << UInt32(aggregate))
            }
            if let violation = judgeCommit(of: aggregate, marks[aggregate], before, state) { return violation }
        }
        return nil
    }

    private func judgeCommit(
        of aggregate: Int, _ marks: CommitFact.Marks, _ before: ConsumerState, _ state: ConsumerState
    ) -> Violation? {
        var fact = CommitFact()
        fact.aggregate = UInt8(aggregate)
        (fact.before, fact.after) = (before.rows[aggregate], state.rows[aggregate])
        fact.marks = marks
        if state.leftovers >> UInt32(aggregate) & 1 == 1 { fact.marks.insert(.hasLeftovers) }
        for index in 0..<8 {
            let slot = ConsumerState.slot(aggregate, index + 1)
            fact.parked[index] = state.parked[slot]
            fact.effectsBefore[index] = before.effects[slot]
            fact.effects[index] = state.effects[slot]
        }
        for slot in 0..<32 where state.parked[slot] != 0 { fact.parkedInAll += 1 }
        for message in setup.messages.indices where setup.messages[message].aggregate == aggregate {
            fact.acknowledged |= state.acknowledged & 1 << UInt32(message)
            fact.deadLetters[message] = state.deadLetters[message]
        }
        return evaluator.judge(fact) { (history(before: $0), .committed(observation($0))) }
    }

    private func observation(_ fact: CommitFact) -> CommitObservation {
        let before = tables.watermarks[fact.before]
        var after = tables.watermarks[fact.after]
        // Each write raises a row's revision.
        after?.revision = (before == nil ? 0 : 1) + (fact.marks.contains(.wroteRow) ? 1 : 0)
        var change = CommitObservation.Change(
            aggregate: fixtures.aggregates[Int(fact.aggregate)], before: before, after: after,
            parked: (0..<8).compactMap { tables.parked[fact.parked[$0]] },
            changesParked: fact.marks.contains(.changedParked),
            applied: entries(fact.effects, without: fact.effectsBefore), deadLetters: deadLetters(fact.deadLetters))
        change.hasLeftovers = fact.marks.contains(.hasLeftovers)
        return CommitObservation(changes: [change], staged: [], parkedInAll: Int(fact.parkedInAll))
    }

    /// What has happened to the aggregate before a commit: every effect with its handler, and every acknowledgement.
    private func history(before fact: CommitFact) -> [Observation] {
        var history = entries(fact.effects).map(Observation.attempted)
        let known = CommitObservation.Change(
            aggregate: fixtures.aggregates[Int(fact.aggregate)], before: nil, after: tables.watermarks[fact.before],
            parked: [], changesParked: false, applied: entries(fact.effectsBefore))
        history.append(.committed(CommitObservation(changes: [known], staged: [], parkedInAll: 0)))
        for message in fact.acknowledged.members {
            history.append(.acknowledged(observation(AcknowledgementFact(message: UInt16(message)))))
        }
        return history
    }

    // MARK: - Deliveries

    /// Lets the oracles judge an acknowledgement.
    func judgeAcknowledgement(of message: Int, _ state: ConsumerState) -> Violation? {
        var fact = AcknowledgementFact(message: UInt16(message))
        fact.row = state.rows[setup.messages[message].aggregate]
        fact.parked = state.parked[slot(message)]
        let id = fixtures.envelopes[message].id
        for other in setup.messages.indices
        where state.deadLetters[other].exists && fixtures.envelopes[other].id == id {
            fact.isDeadLetter = 1
        }
        return evaluator.judge(fact) { ([], .acknowledged(observation($0))) }
    }

    private func observation(_ fact: AcknowledgementFact) -> AcknowledgementObservation {
        let message = Int(fact.message)
        var observation = AcknowledgementObservation(Fixtures.sequence(message), event: fixtures.envelopes[message])
        observation.watermark = tables.watermarks[fact.row]
        observation.parked = tables.parked[fact.parked]?.eventID
        observation.isDeadLetter = fact.isDeadLetter != 0
        return observation
    }

    /// Lets the oracles judge what becomes of a batch's deliveries.
    func judgeSettlement(of batch: UInt64, acknowledged: UInt64, carried: UInt64) -> Violation? {
        func tickets(_ mask: UInt64) -> Set<Arrival.Ticket> { Set(mask.members.map { Arrival.Ticket($0) }) }
        return evaluator.judge(SettlementFact(deliveries: batch, acknowledged: acknowledged, carried: carried)) {
            fact in
            let observation = BatchObservation(
                deliveries: tickets(fact.deliveries), acknowledged: tickets(fact.acknowledged),
                carried: tickets(fact.carried), givesBack: false)
            return ([], .settled(observation))
        }
    }

    // MARK: - At rest

    /// Lets a sweeper alone bring a state at rest to its end, and the oracles judge that.
    package func checkRest(_ state: ConsumerState) -> (violation: Violation?, steps: [Step<Action>]) {
        var last = state
        let sweeper = setup.replicas
        for _ in 0..<(3 * setup.messages.count + 3 * setup.maxAttempts) where last.isAnythingParked {
            _ = take(Step(.timePasses), in: &last)
            last.allowance[Fault.sweep.index] = 1
            if let violation = take(Step(.sweep, sweeper), in: &last) { return (violation, []) }
            while last.threads[sweeper].isBusy {
                let own = last.threads[sweeper]
                let action: Action =
                    own.phase == .running
                    ? (transaction(of: sweeper, in: last)?.end == nil ? .call : .commit)
                    : own.wakes != 0 ? .wake : .repair
                if let violation = take(Step(action, sweeper), in: &last) { return (violation, []) }
            }
        }
        let fact = RestFact(
            rows: last.rows, parked: last.parked, effects: last.effects, deadLetters: last.deadLetters)
        return (evaluator.judge(fact) { ([], .rest(observation($0))) }, [])
    }

    private func observation(_ fact: RestFact) -> RestObservation {
        var rest = RestObservation()
        rest.events = fixtures.envelopes
        for (index, aggregate) in fixtures.aggregates.enumerated() {
            if let row = tables.watermarks[fact.rows[index]] { rest.watermarks.append(row) }
            for version in 1...ConsumerScenario.limits.versions {
                let slot = ConsumerState.slot(index, version)
                if let row = tables.parked[fact.parked[slot]] { rest.parked.append(row) }
                guard fact.effects[slot] != 0 else { continue }
                let entry = fixtures.entry(Int(fact.effects[slot]) - 1)
                rest.ledger.append(entry)
                rest.states[aggregate, default: []].append(entry.eventID)
            }
        }
        rest.deadLetters = deadLetters(fact.deadLetters)
        return rest
    }
}
