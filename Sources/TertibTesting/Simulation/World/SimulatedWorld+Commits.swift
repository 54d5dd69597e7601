import TertibRuntime
import TertibCore

extension SimulatedWorld: MemoryObserver {
    func committed(
        _ transaction: MemoryTransactionID, written: [(table: MemoryTableName, key: MemoryKey)],
        before: MemoryTableSet, after: MemoryTableSet
    ) {
        guard !written.isEmpty else { return }
        var changes: [Aggregate: CommitObservation.Change] = [:]
        var staged: [OutboxRow] = []
        for (table, key) in written {
            let (old, new) = (before[table][key], after[table][key])
            switch table {
            case .watermark:
                guard let aggregate = (new ?? old)?.watermark?.aggregate else { continue }
                self.change(aggregate, in: &changes, before, after)
            case .parked:
                guard let aggregate = (new ?? old)?.parked?.aggregate else { continue }
                self.change(aggregate, in: &changes, before, after)
                changes[aggregate]?.changesParked = true
                if old == nil, new?.parked?.reason == .gap { meet(.parked) }
            case SimulationLedger.ledgerTable:
                guard old == nil, let entry = new?.row.flatMap(SimulationLedger.entry) else { continue }
                self.change(entry.aggregate, in: &changes, before, after)
                changes[entry.aggregate]?.applied.append(entry)
            case .outbox:
                noteOutbox(old?.outbox, new?.outbox, &staged)
            case .deadLetter:
                if old == nil, case .deadLetter(let letter, _)? = new, letter.reason == .forked { meet(.fork) }
            default: continue
            }
        }
        let sorted = changes.keys.sorted().compactMap { changes[$0] }
        if trace.isKept {
            let words = Self.words(sorted, staged)
            note("commits\(words)", isStep: words.isEmpty)
        }
        for change in sorted {
            count(change)
            countLimit(change)
            countDrain(change)
        }
        observe(
            .committed(
                CommitObservation(
                    changes: sorted, staged: staged, parkedInAll: after[.parked].records.count)))
    }

    func waits(_ transaction: MemoryTransactionID, for lock: MemoryLock) {
        if lock.table != "" { meet(.rowWait) }
        note("waits for a row of \(lock.table.isEmpty ? "the database" : lock.table)")
    }

    func meetsDeadlock(_ transaction: MemoryTransactionID) {
        meet(.deadlock)
        note("would wait in a circle")
    }

    private func change(
        _ aggregate: Aggregate, in changes: inout [Aggregate: CommitObservation.Change], _ before: MemoryTableSet,
        _ after: MemoryTableSet
    ) {
        guard changes[aggregate] == nil else { return }
        let key = MemoryKey(names.consumer, aggregate)
        let rows = after[.parked]
        let parked = rows.keys(beginningWith: key).compactMap { rows[$0]?.parked }
        changes[aggregate] = CommitObservation.Change(
            aggregate: aggregate, before: before[.watermark][key]?.watermark,
            after: after[.watermark][key]?.watermark, parked: parked, changesParked: false, applied: [],
            deadLetters: deadLetters(in: after).filter { $0.aggregate == aggregate })
    }

    private func noteOutbox(_ old: MemoryOutboxRow?, _ new: MemoryOutboxRow?, _ staged: inout [OutboxRow]) {
        guard let new else { return }
        if old?.publishedAt != nil, new.publishedAt == nil { meet(.reopened) }
        guard let old else { return staged.append(new.row) }
        let wasClaimed = old.notBefore.microseconds > 0 && old.publishedAt == nil
        if wasClaimed, new.publishedAt == nil, new.notBefore > old.notBefore { meet(.leaseTakeover) }
    }

    private func count(_ change: CommitObservation.Change) {
        if change.after?.status == .quarantined, change.before?.status != .quarantined { meet(.quarantine) }
        if change.after?.status == .retrying, change.before?.status != .retrying { meet(.retry) }
        let wasParked = change.before?.parked ?? 0
        if wasParked > 0, change.parked.isEmpty, !change.applied.isEmpty { meet(.parkThenDrain) }
    }

    private static func words(_ changes: [CommitObservation.Change], _ staged: [OutboxRow]) -> String {
        var words = ""
        for change in changes {
            let from = change.before.map { "\($0.version)" } ?? "new"
            let to = change.after.map { "\($0.version) \($0.status)" } ?? "nothing"
            let parked =
                change.parked.isEmpty ? "" : " parked " + change.parked.map { "\($0.version)" }.joined(separator: " ")
            words += "  \(change.aggregate) \(from) -> \(to)\(parked)"
        }
        for row in staged { words += "  stages \(row.aggregate)@\(row.version)" }
        return words
    }

    // MARK: - What the database says

    func evidence(for delivery: Delivery, in tables: MemoryTableSet) -> AcknowledgementObservation {
        let event = reusesSequences ? try? names.codec.decode(delivery.message) : events[delivery.sequence]
        let aggregate = try? names.codec.mapping.aggregate(of: delivery.message.subject)
        let isWanted = aggregate.map { settings.aggregates?.contains($0.type) ?? true } ?? true
        var observation = AcknowledgementObservation(delivery.sequence, event: event)
        observation.isWanted = isWanted
        if let event {
            observation.watermark = tables[.watermark][MemoryKey(names.consumer, event.aggregate)]?.watermark
            let key = MemoryKey(names.consumer, event.aggregate, event.version)
            observation.parked = tables[.parked][key]?.parked?.eventID
        }
        guard isWanted else { return observation }
        for letter in deadLetters(in: tables) {
            let isSame =
                letter.streamSequence == delivery.sequence && letter.subject == delivery.message.subject
                && letter.body == delivery.message.body
            let isEvent = event != nil && letter.eventID == event?.id && letter.version == event?.version
            if isSame || isEvent { observation.isDeadLetter = true }
        }
        return observation
    }

    func isForkBelowWatermark(_ answer: AcknowledgementObservation, in tables: MemoryTableSet) -> Bool {
        guard plan.options.forks > 0, let event = answer.event, let watermark = answer.watermark,
            event.version < watermark.version
        else { return false }
        let (type, id) = (event.aggregate.type.text, event.aggregate.id.text)
        let key = MemoryKey(.text(type), .text(id), .integer(event.version.number))
        let entry = tables[SimulationLedger.ledgerTable][key]?.row.flatMap(SimulationLedger.entry)
        return entry.map { $0.eventID != event.id } ?? false
    }

    private func deadLetters(in tables: MemoryTableSet) -> [DeadLetter] {
        let letters = tables[.deadLetter]
        return letters.keys(beginningWith: MemoryKey(.text(names.consumer.text)))
            .compactMap { letters[$0]?.openDeadLetter }
    }

    /// Everything there is.
    func rest(idleCalls: Double) -> RestObservation {
        var rest = RestObservation()
        rest.idleCalls = idleCalls
        rest.events = log.broker.look { stream in
            guard stream.messages.first <= stream.messages.last else { return [] }
            return (stream.messages.first...stream.messages.last).compactMap { sequence in
                stream.messages[sequence].flatMap { events[$0.sequence] }
            }
        }
        if let state = log.broker.look({ $0.consumerState(Self.durable) }) {
            rest.unanswered = Int(state.pending) + state.acknowledgementPending
        }
        guard let tables = database?.committed else { return rest }
        let everything = MemoryKey()
        rest.watermarks = tables[.watermark].keys(beginningWith: everything)
            .compactMap { tables[.watermark][$0]?.watermark }
        rest.parked = tables[.parked].keys(beginningWith: everything).compactMap { tables[.parked][$0]?.parked }
        rest.deadLetters = deadLetters(in: tables)
        let ledger = tables[SimulationLedger.ledgerTable]
        rest.ledger = ledger.keys(beginningWith: everything)
            .compactMap { ledger[$0]?.row.flatMap(SimulationLedger.entry) }
        let states = tables[SimulationLedger.stateTable]
        for key in states.keys(beginningWith: everything) {
            guard let (aggregate, events) = states[key]?.row.flatMap(SimulationLedger.state) else { continue }
            rest.states[aggregate] = events
        }
        let tallies = tables[SimulationLedger.tallyTable]
        for row in tallies.keys(beginningWith: everything).compactMap({ tallies[$0]?.row }) {
            rest.tallies[row["name"]?.text ?? ""] = row["total"]?.integer
        }
        let outbox = tables[.outbox]
        rest.unpublished = outbox.keys(beginningWith: everything)
            .compactMap { key in outbox[key]?.outbox.flatMap { $0.publishedAt == nil ? $0.row : nil } }
        return rest
    }
}
