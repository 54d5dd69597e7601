import TertibRuntime
public import TertibCore

/// At rest nothing waits without a reason: what the stream has is delivered, answered and applied, what is staged is
/// published, and nobody is busy.
///
/// A reason is: the next version is not in the stream (any more), or the aggregate is quarantined by a dead letter.
///
/// Both engines tell of the rest; in the explorer the sweeper has had its turns by then, and nobody can be busy.
public struct RestOracle: Oracle {
    /// `rests`
    public let name = "rests"
    /// What it says in lists.
    public let statement =
        "when faults stop, everything is delivered, answered, applied and published, and nobody is busy"
    private let types: Set<AggregateType>?
    /// More calls to the store than these, in a second in which nothing happens, are a busy loop.
    private let idleLimit = 15.0

    /// Creates an oracle for a consumer that takes these types; `nil` for all.
    public init(types: Set<AggregateType>? = nil) {
        self.types = types
    }

    /// Judges the rest.
    public mutating func observe(_ observation: Observation) -> String? {
        guard case .rest(let rest) = observation, !rest.isStopped else { return nil }
        if rest.unanswered > 0 { return "\(rest.unanswered) messages are not delivered, or not answered" }
        if let row = rest.unpublished.first { return "\(row.aggregate)@\(row.version) is staged and not published" }
        if rest.idleCalls > idleLimit { return "an idle replica makes \(Int(rest.idleCalls)) store calls a second" }
        return firstWaiting(rest)
    }

    private func firstWaiting(_ rest: RestObservation) -> String? {
        var versions: [Aggregate: Set<AggregateVersion>] = [:]
        for event in rest.events where types?.contains(event.aggregate.type) ?? true {
            versions[event.aggregate, default: []].insert(event.version)
        }
        let watermarks = Dictionary(rest.watermarks.map { ($0.aggregate, $0) }, uniquingKeysWith: { first, _ in first })
        for aggregate in versions.keys.sorted() {
            let watermark = watermarks[aggregate] ?? Watermark(aggregate: aggregate)
            guard let next = watermark.version.next, versions[aggregate]?.contains(next) == true else { continue }
            let hasReason =
                watermark.status == .quarantined && rest.deadLetters.contains { $0.aggregate == aggregate }
            if !hasReason {
                return "\(aggregate) stands at \(watermark.version) (\(watermark.status)) although the stream has "
                    + "version \(next)"
            }
        }
        for row in rest.parked where watermarks[row.aggregate] == nil {
            return "\(row.aggregate)@\(row.version) is parked and has no watermark"
        }
        for row in rest.parked where watermarks[row.aggregate]?.status == .retrying {
            return "\(row.aggregate)@\(row.version) still waits for an attempt"
        }
        return firstSilentFork(rest)
    }

    /// Of two events of one version, the one that is not applied shows as a dead letter, and only that.
    private func firstSilentFork(_ rest: RestObservation) -> String? {
        let applied = Set(rest.ledger.map(\.eventID))
        for letter in rest.deadLetters where letter.reason == .forked {
            guard let id = letter.eventID, applied.contains(id), rest.events.count(where: { $0.id == id }) == 1
            else { continue }
            return "\(id) is applied, and a dead letter too"
        }
        return nil
    }
}
