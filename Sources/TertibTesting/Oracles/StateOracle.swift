import TertibRuntime
import TertibCore

/// The state of each aggregate is what its history says: the events of versions 1 to the watermark, each once and in
/// order, and of each version an event that the stream has had.
///
/// Both engines tell of the rest.
public struct StateOracle: Oracle {
    /// `state-equals-history`
    public let name = "state-equals-history"
    /// What it says in lists.
    public let statement =
        "each aggregate's state is its history up to the watermark, in order; what all of them share lost no update"
    private var history: [Aggregate: [AggregateVersion: [EventID]]] = [:]

    /// Creates an oracle that knows no history.
    public init() {}

    /// Learns the history, and compares at rest.
    public mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .stored(_, let event?):
            let known = history[event.aggregate]?[event.version] ?? []
            if !known.contains(event.id) { history[event.aggregate, default: [:]][event.version] = known + [event.id] }
            return nil
        case .rest(let rest): return judge(rest)
        default: return nil
        }
    }

    private func judge(_ rest: RestObservation) -> String? {
        for watermark in rest.watermarks {
            let state = rest.states[watermark.aggregate] ?? []
            guard Int64(state.count) == watermark.version.number else {
                return "\(watermark.aggregate) has version \(watermark.version), and \(state.count) effects"
            }
            var version = AggregateVersion.none
            for id in state {
                guard let next = version.next else { break }
                version = next
                let events = history[watermark.aggregate]?[version] ?? []
                guard events.contains(id) else {
                    return "\(watermark.aggregate)@\(version) has the effect of \(id), which the stream does not have"
                }
            }
        }
        for (name, total) in rest.tallies.sorted(by: { $0.key < $1.key }) where total != Int64(rest.ledger.count) {
            return "\(rest.ledger.count) events have raised the row \(name), and it stands at \(total)"
        }
        return nil
    }
}
