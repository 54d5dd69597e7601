/// The deliveries of one replica that have no outcome yet: held ones, those whose claim was lost, those that a limit of the
/// parked rows leaves no room for, and those that the last transaction had no room for. They join the next batch.
///
/// `Item` is what the caller keeps of a delivery.
///
/// | state of an item | input | next state |
/// |---|---|---|
/// | waiting | taken within the limit | in the batch; it may be held while it has waited less than the hold |
/// | waiting | taken beyond the limit | waiting, before what the batch leaves |
/// | in the batch | committed: applied, stale, waiting, parked or dead letter | gone |
/// | in the batch | committed: held | waiting, since it was first held |
/// | in the batch | committed: lost or no room | waiting |
/// | in the batch | the whole transaction conflicted | waiting |
/// | any | dropped: everything is given back to the broker | gone |
package struct Backlog<Item: Sendable>: Sendable {
    /// What goes into the next batch.
    package struct Selection: Sendable {
        package let items: [Item]
        package let malformed: [MalformedArrival]
        /// For each item whether it may be held (again).
        package let holdable: [Bool]
    }

    private struct Entry {
        let item: Item
        /// Since when it has waited in memory for another replica's commit.
        var heldSince: Duration?
    }

    private var waiting: [Entry] = []
    private var taken: [Entry] = []
    private var malformed: [MalformedArrival] = []
    /// How many batches in a row lost something to another replica.
    package private(set) var losses = 0
    /// How many batches in a row found no room for parked rows.
    private var roundsWithoutRoom = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// How many deliveries wait or are in the batch.
    package var count: Int { waiting.count + taken.count + malformed.count }

    /// Selects what goes into the next batch, together with what has just arrived. Messages that break the contract all do.
    /// - Parameters:
    ///   - limit: Maximum number of items.
    ///   - hold: How long one item may be held.
    ///   - heldLimit: Number of held items from which on no further one may be held.
    package mutating func take(
        adding items: [Item], malformed new: [MalformedArrival], limit: Int, now: Duration, hold: Duration,
        heldLimit: Int
    ) -> Selection {
        let mayHoldMore = waiting.count { $0.heldSince != nil } < heldLimit
        let carried = waiting.count
        waiting += items.map { Entry(item: $0) }
        malformed += new
        taken = Array(waiting.prefix(limit))
        waiting.removeFirst(taken.count)
        let holdable = taken.enumerated().map { index, entry in
            now - (entry.heldSince ?? now) < hold && (index < carried || mayHoldMore)
        }
        return Selection(items: taken.map(\.item), malformed: malformed, holdable: holdable)
    }

    /// The batch has committed: what it has settled is gone.
    package mutating func committed(_ report: BatchReport, now: Duration) {
        var carried: [Entry] = []
        for (var entry, disposition) in zip(taken, report.dispositions) {
            switch disposition {
            case .held: entry.heldSince = entry.heldSince ?? now
            case .lost, .noRoom: entry.heldSince = nil
            case .applied, .stale, .waiting, .parked, .deadLettered, nil: continue
            }
            carried.append(entry)
        }
        malformed = zip(malformed, report.malformed).filter { $1 == .lost }.map(\.0)
        losses = report.hasLosses ? losses + 1 : 0
        roundsWithoutRoom = report.dispositions.contains(.noRoom) ? roundsWithoutRoom + 1 : 0
        (waiting, taken) = (waiting + carried, [])
    }

    /// The whole transaction conflicted with another replica's.
    package mutating func conflicted() {
        (waiting, taken) = (waiting + taken, [])
        losses += 1
    }

    /// How long to wait for more before the next attempt: a fraction of the hold, or without a claim or room an exponential
    /// bound with full jitter, so that replicas do not conflict again. `jitter` is a number in `0..<1`.
    package func wait(hold: Duration, jitter: Double) -> Duration {
        let rounds = max(losses, roundsWithoutRoom)
        guard rounds > 0 else { return max(hold / 8, .milliseconds(1)) }
        return max(Duration.milliseconds(1) * (1 << min(rounds, 6)) * jitter, .microseconds(200))
    }
}

extension BatchReport {
    /// Whether a delivery was lost to another replica, or to the time.
    fileprivate var hasLosses: Bool { dispositions.contains(.lost) || malformed.contains(.lost) }
}
