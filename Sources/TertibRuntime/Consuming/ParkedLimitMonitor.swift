import TertibCore

/// The aggregates that are at their limit of parked rows, and whether they move on.
///
/// Several replicas that share the backlog of one aggregate bring it to its limit in the ordinary course: each parks its
/// share until whoever holds the next event has committed. So what there is no room for waits in memory, as long as the
/// watermark moves on; a replica whose memory is full fetches nothing more.
struct ParkedLimitMonitor: Sendable {
    private struct Sight {
        var watermark: AggregateVersion
        /// Since when the watermark has stood there.
        var since: Duration
        var last: Duration
    }
    private var sights: [Aggregate: Sight] = [:]

    /// So long an aggregate may stand at its limit without moving on, in monotonic time.
    let patience: Duration

    init(patience: Duration) {
        self.patience = patience
    }

    /// Whether the consumer has to pause, because an aggregate has not moved on, or because the limit of all rows together
    /// is reached.
    mutating func mustPause(after limits: [ParkedLimitReached], now: Duration) -> Bool {
        sights = sights.filter { now - $0.value.last < patience * 2 }
        for limit in limits {
            guard let aggregate = limit.aggregate else { return true }
            var sight = sights[aggregate] ?? Sight(watermark: limit.watermark, since: now, last: now)
            if sight.watermark != limit.watermark { sight = Sight(watermark: limit.watermark, since: now, last: now) }
            sight.last = now
            sights[aggregate] = sight
            if now - sight.since >= patience { return true }
        }
        return false
    }
}
