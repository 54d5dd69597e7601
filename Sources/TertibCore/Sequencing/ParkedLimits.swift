/// A limit of the parked rows is reached. The consumer pauses if it is that of all rows, or if the aggregate does not move
/// on (``ParkedLimitMonitor``).
package struct ParkedLimitReached: Error, Hashable, Sendable, CustomStringConvertible {
    /// The aggregate over its limit; `nil` when all rows together are over theirs.
    package let aggregate: Aggregate?
    /// The last applied version of the aggregate.
    package let watermark: AggregateVersion
    package let limit: Int

    package init(aggregate: Aggregate?, watermark: AggregateVersion = .none, limit: Int) {
        self.aggregate = aggregate
        self.watermark = watermark
        self.limit = limit
    }

    package var description: String {
        aggregate.map { "\($0) would have more than \(limit) parked rows" }
            ?? "the consumer would have more than \(limit) parked rows"
    }
}

/// The aggregates that are at their limit of parked rows, and whether they move on.
///
/// Several replicas that share the backlog of one aggregate bring it to its limit in the ordinary course: each parks its
/// share until the replica that holds the next event has committed. So what there is no room for waits in memory as long
/// as the watermark moves on; a replica whose memory is full fetches nothing more.
///
/// | state of an aggregate | input | next state, answer |
/// |---|---|---|
/// | unknown | at its limit | observed, go on |
/// | observed | at its limit, the watermark has moved | observed anew, go on |
/// | observed | at its limit, the watermark has stood for the patience | observed, pause |
/// | observed | not at its limit for twice the patience | unknown |
/// | any | the limit of all rows together is reached | pause |
package struct ParkedLimitMonitor: Hashable, Sendable {
    private struct Observation: Hashable, Sendable {
        let watermark: AggregateVersion
        /// Since when the watermark has stood there.
        let since: Duration
        var last: Duration
    }
    private var observations: [Aggregate: Observation] = [:]
    /// How long an aggregate may stand at its limit without moving on, in monotonic time.
    private let patience: Duration

    package init(patience: Duration) {
        self.patience = patience
    }

    /// Whether the consumer has to pause, because an aggregate has not moved on, or because the limit of all rows together
    /// is reached.
    package mutating func mustPause(after limits: [ParkedLimitReached], now: Duration) -> Bool {
        observations = observations.filter { now - $0.value.last < patience * 2 }
        for limit in limits {
            guard let aggregate = limit.aggregate else { return true }
            var observation = observations[aggregate]
            if observation?.watermark != limit.watermark { observation = nil }
            let since = observation?.since ?? now
            observations[aggregate] = Observation(watermark: limit.watermark, since: since, last: now)
            if now - since >= patience { return true }
        }
        return false
    }
}
