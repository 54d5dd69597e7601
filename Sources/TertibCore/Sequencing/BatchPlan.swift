/// What a batch has to claim, decided from one read of the watermarks.
///
/// Whatever is decided here without a claim rests on what had committed before the read and cannot be undone: a stale
/// event stays stale. One that is an earlier copy of the last applied event goes through a pass, which writes down where
/// that event really stands. Everything else is decided after the claim, by ``AggregatePass``.
public struct BatchPlan: Sendable {
    /// The rows to claim, in byte order, each as it was read (or fresh, where there is none).
    public private(set) var claims: [Watermark] = []
    /// The arrivals of each aggregate to claim, in the order of application.
    public private(set) var arrivals: [Aggregate: [Arrival]] = [:]
    /// The outcomes that need no claim: ``Disposition/stale`` and ``Disposition/held``.
    public private(set) var settled: [Arrival.Ticket: Disposition] = [:]

    /// Plans a batch.
    /// - Parameters:
    ///   - wakes: Aggregates to look at although nothing arrived for them: a retry is due, or a drain is left over.
    ///   - generation: The generation of the consumer's state, for rows that do not exist yet.
    ///   - mayHold: Whether a lone gapped arrival may still wait in memory.
    public init(
        arrivals all: [Arrival], wakes: Set<Aggregate>, watermarks: [Aggregate: Watermark], generation: Int,
        mayHold: (Arrival) -> Bool
    ) {
        let groups = Dictionary(grouping: all.sorted(by: Arrival.isAppliedBefore), by: \.aggregate)
        for aggregate in Set(groups.keys).union(wakes).sorted() {
            let watermark = watermarks[aggregate] ?? Watermark(aggregate: aggregate, generation: generation)
            let group = groups[aggregate] ?? []
            if !wakes.contains(aggregate), settle(group, against: watermark, mayHold: mayHold) { continue }
            claims.append(watermark)
            self.arrivals[aggregate] = group
        }
    }

    /// Settles a group that needs no claim; `false` when it needs one.
    private mutating func settle(
        _ group: [Arrival], against watermark: Watermark, mayHold: (Arrival) -> Bool
    ) -> Bool {
        var stale: [Arrival] = []
        var gapped: [Arrival] = []
        for arrival in group {
            let verdict = Verdict(
                version: arrival.version, eventID: arrival.envelope.id, sequence: arrival.sequence,
                against: watermark)
            switch verdict {
            case .stale where watermark.isPreceded(by: arrival): return false
            case .stale: stale.append(arrival)
            case .gap: gapped.append(arrival)
            case .next, .forked: return false
            }
        }
        let canHold = watermark.status == .ok && watermark.parked == 0
        if let first = gapped.first {
            guard gapped.count == 1, canHold, mayHold(first) else { return false }
        }
        for arrival in stale { settled[arrival.ticket] = .stale }
        for arrival in gapped { settled[arrival.ticket] = .held }
        return true
    }
}
