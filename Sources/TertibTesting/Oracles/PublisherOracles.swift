package import TertibCore
import TertibRuntime

/// Judges each message as the stream stores it, and at rest that none is missing.
///
/// What the stream has lost after it acknowledged it is published again before anything that follows it; where nothing
/// follows, nothing is published again. A world without a relay publishes nothing.
package struct PublishedOracle: Oracle {
    package let id = "I9"
    package let name = "published-iff-committed"
    package let statement =
        "the stream has an event if, and only if, the transaction that staged it has committed; "
        + "in version order, with one content"
    private let types: Set<AggregateType>
    private let isOrderly: Bool
    private let forked: Set<AggregateType>
    private var staged: [LedgerEntry: Bool] = [:]
    private var contents: [LedgerEntry: [UInt8]] = [:]
    private var places: [LedgerEntry: StreamSequence] = [:]
    private var lost: Set<LedgerEntry> = []
    private var versions = StoredVersions()
    private var firstSequence = StreamSequence(1)
    private var receipts: [LedgerEntry] = []
    /// In an orderly stream, the first event of each version.
    private var first: [Aggregate: [AggregateVersion: (event: LedgerEntry, body: [UInt8])]] = [:]

    /// - Parameters:
    ///   - types: The types that are published through the outbox.
    ///   - isOrderly: See ``OracleSettings/isOrderly``.
    ///   - forked: The types that may have two events of one version even so.
    package init(types: Set<AggregateType>, isOrderly: Bool = false, forked: Set<AggregateType> = []) {
        self.types = types
        self.isOrderly = isOrderly
        self.forked = forked
    }

    package mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .committed(let commit):
            for row in commit.staged {
                staged[LedgerEntry(aggregate: row.aggregate, version: row.version, eventID: row.eventID)] = false
            }
        case .stored(let message, nil) where isOrderly:
            return "message \(message.sequence) breaks the wire contract"
        case .stored(let message, let event?):
            let fault = isOrderly ? second(event) : nil
            return fault ?? (types.contains(event.aggregate.type) ? judge(event, at: message.sequence) : nil)
        case .trimmed(let sequence):
            firstSequence = max(firstSequence, sequence)
            versions.trim(before: sequence)
        case .lostTail(let last): lose(after: last)
        case .published(let receipt): receipts.append(LedgerEntry(receipt))
        case .rest(let rest): return rest.isStopped ? nil : judge(rest)
        default: break
        }
        return nil
    }

    private mutating func lose(after last: StreamSequence) {
        for (entry, place) in places where place > last {
            places[entry] = nil
            lost.insert(entry)
        }
        versions.lose(after: last)
        firstSequence = min(firstSequence, StreamSequence(last.number + 1))
    }

    private func judge(_ rest: RestObservation) -> String? {
        let missing = staged.filter { !$0.value }.keys.map(\.description).sorted()
        if let first = missing.first { return "\(first) was committed and is not in the stream" }
        if let receipt = receipts.first(where: { contents[$0] == nil && types.contains($0.aggregate.type) }) {
            return "\(receipt) was reported as published and is not in the stream"
        }
        guard isOrderly else { return nil }
        for (aggregate, known) in first.sorted(by: { $0.key < $1.key }) {
            guard let last = known.keys.max(), last.number != Int64(known.count) else { continue }
            return "\(aggregate) has version \(last) in the stream, and only \(known.count) versions"
        }
        for head in rest.heads {
            let last = first[head.aggregate]?.keys.max() ?? .none
            if head.version != last || head.publishedVersion != last {
                return "\(head.aggregate) has \(head.version) staged and \(head.publishedVersion) published versions, "
                    + "and the stream has \(last)"
            }
        }
        return nil
    }

    /// Of an orderly stream: whether another event has the version already.
    private mutating func second(_ event: Envelope) -> String? {
        let entry = LedgerEntry(event)
        guard let known = first[event.aggregate]?[event.version] else {
            first[event.aggregate, default: [:]][event.version] = (entry, event.body)
            return nil
        }
        guard known.event != entry || known.body != event.body, !forked.contains(event.aggregate.type) else {
            return nil
        }
        return "\(entry) is in the stream twice, as \(known.event.eventID) and as \(event.id)"
    }

    private mutating func judge(_ event: Envelope, at sequence: StreamSequence) -> String? {
        let entry = LedgerEntry(event)
        guard staged[entry] != nil else { return "\(entry) is published, and nothing that staged it has committed" }
        staged[entry] = true
        defer { places[entry] = sequence }
        if let place = places[entry], place >= firstSequence {
            return "\(entry) is published again, and the stream still has it as message \(place)"
        }
        let known = contents[entry]
        if let known, known != event.body { return "\(entry) is published with two contents" }
        contents[entry] = event.body
        if known != nil, lost.remove(entry) == nil { return nil }  // the stream has trimmed it, and has it once more
        return versions.add(event.version, of: event.aggregate, at: sequence)
            .map { "\(entry) is published after version \($0)" }
    }
}

/// Judges each message of an appended type as the stream stores it, and each call as it returns.
package struct AppendOracle: Oracle {
    package let id = "A"
    package let name = "append-tells-the-truth"
    package let statement =
        "an append returns the truth: a receipt is for an event that is stored once; a call that lost a race has "
        + "written nothing; and versions have no hole"
    private let types: Set<AggregateType>
    private var calls: [Int: AppendObservation] = [:]
    /// Which call each body belongs to, and its place there.
    private var owners: [[UInt8]: (call: Int, index: Int)] = [:]
    /// How often the stream had been trimmed when a call began.
    private var trimsBefore: [Int: Int] = [:]
    private var stored: [[UInt8]: Place] = [:]
    private var versions = StoredVersions()

    private struct Place {
        let event: LedgerEntry
        let sequence: StreamSequence
        /// Whether the stream has lost or trimmed it since.
        var isGone = false
    }

    /// - Parameter types: The types that are written by append alone.
    package init(types: Set<AggregateType>) {
        self.types = types
    }

    package mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .append(let call):
            for (index, body) in call.bodies.enumerated() { owners[body] = (call.call, index) }
            calls[call.call] = call
            if trimsBefore[call.call] == nil { trimsBefore[call.call] = versions.trims }
            return judge(call)
        case .stored(let message, let event?) where types.contains(event.aggregate.type):
            return judge(event, at: message.sequence)
        case .trimmed(let first):
            forget { $0 < first }
            versions.trim(before: first)
        case .lostTail(let last):
            forget { $0 > last }
            versions.lose(after: last)
        default: break
        }
        return nil
    }

    private mutating func forget(_ isGone: (StreamSequence) -> Bool) {
        for (body, place) in stored where isGone(place.sequence) { stored[body]?.isGone = true }
    }

    private mutating func judge(_ event: Envelope, at sequence: StreamSequence) -> String? {
        let entry = LedgerEntry(event)
        guard let owner = owners[event.body] else { return "\(entry) is stored, and no call has appended it" }
        if let known = stored[event.body], !known.isGone { return "\(known.event) is stored again as \(entry)" }
        stored[event.body] = Place(event: entry, sequence: sequence)
        let since = trimsBefore[owner.call]
        if let last = versions.add(event.version, of: event.aggregate, at: sequence, since: since) {
            return "\(entry) is stored after version \(last)"
        }
        return calls[owner.call].flatMap { contradiction($0, owner.index) }
    }

    /// Whether a caller was told that its event of this place is not written.
    private func contradiction(_ call: AppendObservation, _ index: Int) -> String? {
        guard let place = stored[call.bodies[index]], !place.isGone else { return nil }
        switch call.outcome {
        case .open, .receipts: return nil
        case .conflict: return "\(place.event) is stored, and its writer was told of a conflict"
        case .partial(let receipts, let isNextOpen):
            guard index >= receipts.count + (isNextOpen ? 1 : 0) else { return nil }
            return "\(place.event) is stored, and its writer was told that it is not"
        }
    }

    private func judge(_ call: AppendObservation) -> String? {
        let receipts: [PublishReceipt]
        switch call.outcome {
        case .open, .conflict: receipts = []
        case .receipts(let all):
            receipts = all
            if all.count != call.bodies.count {
                return "\(all.count) receipts are given for \(call.bodies.count) events"
            }
        case .partial(let some, _):
            receipts = some
            if some.isEmpty || some.count >= call.bodies.count {
                return "\(some.count) of \(call.bodies.count) events are reported as a part of them"
            }
        }
        var last = call.expected
        for (receipt, body) in zip(receipts, call.bodies) {
            let entry = LedgerEntry(receipt)
            guard let place = stored[body], place.event == entry, place.sequence == receipt.sequence else {
                return "\(entry) was reported as stored at \(receipt.sequence), and it is not"
            }
            if let last, !receipt.version.follows(last) { return "\(entry) was reported as stored behind \(last)" }
            last = receipt.version
        }
        return call.bodies.indices.lazy.compactMap { contradiction(call, $0) }.first
    }
}

/// The versions of aggregates in the order in which a stream stores them, as far as it still has them.
struct StoredVersions: Sendable {
    private struct Place {
        let version: AggregateVersion
        let sequence: StreamSequence
    }

    private var stored: [Aggregate: [Place]] = [:]
    /// What the stream has acknowledged, and lost.
    private var lost: [Aggregate: [Place]] = [:]
    private var firstSequence = StreamSequence(1)
    /// How often the stream was trimmed.
    private(set) var trims = 0

    /// The oldest messages are deleted; that takes no version back.
    mutating func trim(before first: StreamSequence) {
        firstSequence = max(firstSequence, first)
        trims += 1
    }

    /// The stream ends earlier than before, or is another one and ends before its first message.
    mutating func lose(after last: StreamSequence) {
        for (aggregate, places) in stored {
            lost[aggregate, default: []] += places.filter { $0.sequence > last }
            stored[aggregate] = places.filter { $0.sequence <= last }
        }
        firstSequence = min(firstSequence, StreamSequence(last.number + 1))
    }

    /// Adds a version that the stream stores, of a writer that has begun when the stream had been trimmed `since` times.
    /// - Returns: The last one, where this one does not continue it.
    mutating func add(
        _ version: AggregateVersion, of aggregate: Aggregate, at sequence: StreamSequence, since: Int? = nil
    ) -> AggregateVersion? {
        let known = stored[aggregate, default: []]
        stored[aggregate, default: []].append(Place(version: version, sequence: sequence))
        let last = known.last?.version ?? .none
        if version.follows(last) || continuesWhatLooksTrimmed(version, aggregate, known) { return nil }
        if let since, isOfPausedWriter(version, known, since) { return nil }
        return last
    }

    /// Whether everything that the aggregate had was trimmed since the writer began: it has found an earlier version, and
    /// the broker an empty subject.
    private func isOfPausedWriter(_ version: AggregateVersion, _ known: [Place], _ since: Int) -> Bool {
        since < trims && known.allSatisfy { $0.sequence < firstSequence }
            && (version == .first || known.contains { version.follows($0.version) })
    }

    /// Whether the version follows one that was lost in a place which the stream has trimmed since, and nothing of the
    /// aggregate is left: then what was lost cannot be told from what was trimmed, and versions go on behind it.
    private func continuesWhatLooksTrimmed(
        _ version: AggregateVersion, _ aggregate: Aggregate, _ known: [Place]
    ) -> Bool {
        guard known.allSatisfy({ $0.sequence < firstSequence }) else { return false }
        return lost[aggregate, default: []].contains { $0.sequence < firstSequence && version.follows($0.version) }
    }
}
