import TertibRuntime
public import TertibCore

/// What an append says is so: a receipt is for an event that is stored once, with that content, in that place; who lost a
/// race has written nothing; of several events exactly those with a receipt are written; and versions go on without a
/// hole.
public struct AppendOracle: Oracle {
    /// `append-tells-the-truth`
    public let name = "append-tells-the-truth"
    /// What it says in lists.
    public let statement =
        "an append is told the truth: a receipt is for an event that is stored once; who lost a race has "
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

    /// Creates an oracle for the types that are written by append alone.
    public init(types: Set<AggregateType>) {
        self.types = types
    }

    /// Judges each message of these types as the stream stores it, and each call as it comes back.
    public mutating func observe(_ observation: Observation) -> String? {
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
            return nil
        case .lostTail(let last):
            forget { $0 > last }
            versions.lose(after: last)
            return nil
        default: return nil
        }
    }

    private mutating func forget(_ isGone: (StreamSequence) -> Bool) {
        for (body, place) in stored where isGone(place.sequence) { stored[body]?.isGone = true }
    }

    private mutating func judge(_ event: Envelope, at sequence: StreamSequence) -> String? {
        let entry = LedgerEntry(aggregate: event.aggregate, version: event.version, eventID: event.id)
        guard let owner = owners[event.body] else { return "\(entry) is stored, and nobody has appended it" }
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
            let entry = LedgerEntry(
                aggregate: receipt.aggregate, version: receipt.version, eventID: receipt.eventID)
            guard let place = stored[body], place.event == entry, place.sequence == receipt.sequence else {
                return "\(entry) was reported as stored at \(receipt.sequence), and it is not"
            }
            if let last, !receipt.version.follows(last) { return "\(entry) was reported as stored behind \(last)" }
            last = receipt.version
        }
        return call.bodies.indices.lazy.compactMap { contradiction(call, $0) }.first
    }
}
