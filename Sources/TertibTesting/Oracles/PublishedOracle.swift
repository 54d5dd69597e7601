import TertibRuntime
public import TertibCore

/// An event is published if, and only if, the transaction that staged it has committed; in version order, and a version
/// never with two contents.
///
/// What the stream has lost after it acknowledged it is published again before anything that follows it. Where nothing
/// follows, nobody looks.
///
/// A world without a relay publishes nothing, so that the oracle has nothing to say there.
public struct PublishedOracle: Oracle {
    /// `published-iff-committed`
    public let name = "published-iff-committed"
    /// What it says in lists.
    public let statement =
        "the stream has an event if, and only if, the transaction that staged it has committed; "
        + "in version order, with one content"
    private let types: Set<AggregateType>
    private var staged: [LedgerEntry: Bool] = [:]
    private var contents: [LedgerEntry: [UInt8]] = [:]
    private var places: [LedgerEntry: StreamSequence] = [:]
    private var lost: Set<LedgerEntry> = []
    private var versions = StoredVersions()
    private var firstSequence = StreamSequence(1)
    private var receipts: [LedgerEntry] = []

    /// Creates an oracle for the types that are published by way of the outbox.
    public init(types: Set<AggregateType>) {
        self.types = types
    }

    /// Judges each message as the stream stores it, and at rest that none is missing.
    public mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .committed(let commit):
            for row in commit.staged {
                staged[LedgerEntry(aggregate: row.aggregate, version: row.version, eventID: row.eventID)] = false
            }
            return nil
        case .stored(let message, let event?):
            return types.contains(event.aggregate.type) ? judge(event, at: message.sequence) : nil
        case .trimmed(let sequence):
            firstSequence = max(firstSequence, sequence)
            versions.trim(before: sequence)
            return nil
        case .lostTail(let last):
            lose(after: last)
            return nil
        case .published(let receipt):
            receipts.append(
                LedgerEntry(aggregate: receipt.aggregate, version: receipt.version, eventID: receipt.eventID))
            return nil
        case .rest(let rest): return rest.isStopped ? nil : judgeRest()
        default: return nil
        }
    }

    private mutating func lose(after last: StreamSequence) {
        for (entry, place) in places where place > last {
            places[entry] = nil
            lost.insert(entry)
        }
        versions.lose(after: last)
        firstSequence = min(firstSequence, StreamSequence(last.number + 1))
    }

    private func judgeRest() -> String? {
        let missing = staged.filter { !$0.value }.keys.map(\.description).sorted()
        if let first = missing.first { return "\(first) was committed and is not in the stream" }
        if let receipt = receipts.first(where: { contents[$0] == nil && types.contains($0.aggregate.type) }) {
            return "\(receipt) was reported as published and is not in the stream"
        }
        return nil
    }

    private mutating func judge(_ event: Envelope, at sequence: StreamSequence) -> String? {
        let entry = LedgerEntry(aggregate: event.aggregate, version: event.version, eventID: event.id)
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
