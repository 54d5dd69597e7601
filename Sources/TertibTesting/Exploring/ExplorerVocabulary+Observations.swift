import TertibRuntime
import TertibCore

/// Facts of a small world in the words that oracles know.
extension ExplorerVocabulary {
    /// What the oracles have to know of this world.
    var oracleSettings: OracleSettings {
        var settings = OracleSettings()
        settings.maxParkedPerAggregate = world.parkedLimit
        settings.maxAttempts = world.maxAttempts
        settings.failing = keys { $0 != .applies }
        settings.bad = keys { $0 == .fails || $0 == .mayFail && world.allowance.failures >= world.maxAttempts }
        return settings
    }

    private func keys(_ isWanted: (SmallWorld.Behaviour) -> Bool) -> Set<PoisonOracle.LedgerKey> {
        Set(
            world.messages.indices.filter { isWanted(world.messages[$0].behaviour) }
                .map { PoisonOracle.LedgerKey(envelopes[$0].aggregate, envelopes[$0].version) })
    }

    func logged(_ message: Int) -> LoggedMessage {
        LoggedMessage(message: messages[message], sequence: Self.sequence(message), storedAt: Self.now)
    }

    func entry(_ message: Int) -> LedgerEntry {
        let envelope = envelopes[message]
        return LedgerEntry(aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id)
    }

    private func entries(_ effects: InlineArray<8, UInt8>, without known: InlineArray<8, UInt8>? = nil) -> [LedgerEntry]
    {
        (0..<8).filter { effects[$0] != 0 && known?[$0] != effects[$0] }.map { entry(Int(effects[$0]) - 1) }
    }

    private func letter(_ message: Int, _ packed: PackedLetter) -> DeadLetter {
        let envelope = envelopes[message]
        return DeadLetter(
            id: "letter-\(message)", aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id,
            streamCreatedAt: Self.now, streamSequence: Self.sequence(message), message: messages[message],
            reason: DeadLetterReason.allCases[packed.reason], error: "it fails", attempts: packed.attempts,
            failedAt: Self.now)
    }

    // MARK: - Commits

    func observation(_ fact: CommitFact) -> CommitObservation {
        let aggregate = Int(fact.aggregate)
        let before = fact.before.exists ? watermark(fact.before, of: aggregate, revision: 1) : nil
        // Each write raises a row's revision.
        let revision: Int64 = (before == nil ? 0 : 1) + (fact.marks.contains(.wroteRow) ? 1 : 0)
        var change = CommitObservation.Change(
            aggregate: aggregates[aggregate], before: before,
            after: fact.after.exists ? watermark(fact.after, of: aggregate, revision: revision) : nil,
            parked: (0..<8).filter { fact.parked[$0].exists }.map { parkedEvent(fact.parked[$0]) },
            changesParked: fact.marks.contains(.changedParked),
            applied: entries(fact.effects, without: fact.effectsBefore),
            deadLetters: envelopes.indices.filter { fact.letters[$0].exists }.map { letter($0, fact.letters[$0]) })
        change.hasLeftovers = fact.marks.contains(.hasLeftovers)
        return CommitObservation(changes: [change], staged: [], parkedInAll: Int(fact.parkedInAll))
    }

    /// What has happened to the aggregate before a commit: every effect with its handler, and every acknowledgement.
    func history(before fact: CommitFact) -> [Observation] {
        let aggregate = Int(fact.aggregate)
        var history = entries(fact.effects).map(Observation.attempted)
        let known = CommitObservation.Change(
            aggregate: aggregates[aggregate], before: nil,
            after: fact.before.exists ? watermark(fact.before, of: aggregate, revision: 1) : nil, parked: [],
            changesParked: false, applied: entries(fact.effectsBefore))
        history.append(.committed(CommitObservation(changes: [known], staged: [], parkedInAll: 0)))
        for message in envelopes.indices where fact.acknowledged >> UInt32(message) & 1 == 1 {
            var evidence = AcknowledgementFact()
            evidence.message = UInt8(message)
            history.append(.acknowledged(observation(evidence)))
        }
        return history
    }

    // MARK: - Deliveries

    func observation(_ fact: AcknowledgementFact) -> AcknowledgementObservation {
        let message = Int(fact.message)
        let delivery = Delivery(
            message: messages[message], sequence: Self.sequence(message), attempt: 1, pending: 0, storedAt: Self.now,
            replyToken: "")
        let aggregate = world.messages[message].aggregate
        return AcknowledgementObservation(
            delivery: delivery, event: envelopes[message], isWanted: true,
            watermark: fact.row.exists ? watermark(fact.row, of: aggregate, revision: 1) : nil,
            parked: fact.parked.exists ? envelopes[fact.parked.message].id : nil, isDeadLetter: fact.isDeadLetter != 0)
    }

    func observation(_ fact: SettlementFact) -> BatchObservation {
        BatchObservation(
            deliveries: Self.tickets(fact.deliveries), acknowledged: Self.tickets(fact.acknowledged),
            carried: Self.tickets(fact.carried), givesBack: false)
    }

    private static func tickets(_ mask: UInt64) -> Set<Arrival.Ticket> { Set(mask.members.map { Arrival.Ticket($0) }) }

    // MARK: - At rest

    func observation(_ fact: RestFact) -> RestObservation {
        var rest = RestObservation()
        rest.events = envelopes
        for (index, aggregate) in aggregates.enumerated() {
            if fact.rows[index].exists { rest.watermarks.append(watermark(fact.rows[index], of: index, revision: 1)) }
            for version in 1...SmallWorld.limits.versions {
                let slot = Self.slot(aggregate: index, version: version)
                if fact.parked[slot].exists { rest.parked.append(parkedEvent(fact.parked[slot])) }
                guard fact.effects[slot] != 0 else { continue }
                let entry = entry(Int(fact.effects[slot]) - 1)
                rest.ledger.append(entry)
                rest.states[aggregate, default: []].append(entry.eventID)
            }
        }
        rest.deadLetters = envelopes.indices.filter { fact.letters[$0].exists }.map { letter($0, fact.letters[$0]) }
        return rest
    }
}
