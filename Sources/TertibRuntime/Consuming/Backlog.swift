import TertibCore

/// Deliveries that no batch has settled yet: held ones, those whose claim was lost, and those that a limit of the parked
/// rows leaves no room for. They join the next batch.
struct Backlog: Sendable {
    private var batch = Batch()
    private var heldSince: [Arrival.Ticket: Duration] = [:]
    /// How many batches in a row lost something to a neighbour.
    private(set) var losses = 0
    /// How many batches in a row found no room for parked rows.
    private var crowdedRounds = 0

    var isEmpty: Bool { batch.isEmpty }

    /// Joins a batch, and says which of its arrivals may be held (again): a newcomer, and what has not waited too long.
    func join(_ other: inout Batch, now: Duration, hold: Duration, limit: Int) {
        var holdable: Set<Arrival.Ticket> = []
        for arrival in batch.arrivals + (heldSince.count < limit ? other.arrivals : []) {
            let ticket = arrival.arrival.ticket
            if now - (heldSince[ticket] ?? now) < hold { holdable.insert(ticket) }
        }
        other.arrivals = batch.arrivals + other.arrivals
        other.malformed = batch.malformed + other.malformed
        other.holdable = holdable
    }

    /// What a committed batch left over.
    func remaining(of batch: Batch, after report: BatchReport, now: Duration) -> Backlog {
        var next = Backlog()
        next.batch.arrivals = batch.arrivals.filter { prepared in
            let ticket = prepared.arrival.ticket
            return report.lost.contains(ticket) && !PlantedBug.lostClaimForgotten.isActive
                || report.overflow.contains(ticket) && !PlantedBug.overflowForgotten.isActive
                || report.dispositions[ticket] == .held
        }
        next.batch.malformed = batch.malformed.filter { report.lost.contains($0.ticket) }
        for prepared in next.batch.arrivals where report.dispositions[prepared.arrival.ticket] == .held {
            next.heldSince[prepared.arrival.ticket] = heldSince[prepared.arrival.ticket] ?? now
        }
        next.losses = report.lost.isEmpty ? 0 : losses + 1
        next.crowdedRounds = report.overflow.isEmpty ? 0 : crowdedRounds + 1
        return next
    }

    /// Puts off what a batch had no room for: it comes before everything else that is carried.
    mutating func putOff(_ rest: Batch) {
        batch.arrivals = rest.arrivals + batch.arrivals
        batch.malformed = rest.malformed + batch.malformed
    }

    /// A whole batch that conflicted with a neighbour.
    func all(of batch: Batch) -> Backlog {
        var next = Backlog()
        next.batch = batch
        next.heldSince = heldSince
        next.losses = losses + 1
        return next
    }

    /// How long to wait for company before the next attempt: a fraction of the hold, or without a claim or room an
    /// exponential bound with full jitter, so that neighbours do not meet again.
    func patience(_ context: RuntimeContext, hold: Duration) -> Duration {
        let rounds = max(losses, crowdedRounds)
        guard rounds > 0 else { return max(hold / 8, .milliseconds(1)) }
        let bound = Duration.milliseconds(1) * (1 << min(rounds, 6))
        return max(context.jitter(upTo: bound), .microseconds(200))
    }
}
