import TertibRuntime
import TertibCore

/// Every delivery that a replica received has exactly one outcome, and the replica's counts say which.
///
/// The explorer tells of every batch, the simulator and tests with processes of the counts of a replica that stops: the
/// explorer has no counters, and a runtime does not say which delivery goes on into the next batch.
public struct DeliveriesOracle: Oracle {
    /// `deliveries-accounted`
    public let name = "deliveries-accounted"
    /// What it says in lists.
    public let statement =
        "every delivery has exactly one outcome, and the counts say which"

    /// Creates an oracle.
    public init() {}

    /// Judges the counts of a replica that has stopped in order, and what becomes of a batch.
    public mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .stopped(let counts, let received): judge(counts, received)
        case .settled(let batch): judge(batch)
        default: nil
        }
    }

    private func judge(_ counts: ConsumerCounts, _ received: Int) -> String? {
        guard counts.delivered == received else {
            return "a replica received \(received) deliveries and counts \(counts.delivered)"
        }
        let outcomes = [
            counts.appliedFromDelivery, counts.stale, counts.waiting, counts.parked, counts.deadLettered,
            counts.ignored, counts.letGo,
        ]
        let sum = outcomes.reduce(0, +)
        guard sum == counts.delivered else {
            return "of \(counts.delivered) deliveries \(sum) have an outcome: \(outcomes)"
        }
        let applied = counts.appliedFromDelivery + counts.drained + counts.repaired + counts.retried
        guard applied == counts.applied else {
            return "\(counts.applied) events were applied, and \(applied) by the way they came"
        }
        return nil
    }

    private func judge(_ batch: BatchObservation) -> String? {
        if let both = batch.acknowledged.intersection(batch.carried).min() {
            return "delivery \(both.number) is acknowledged, and goes on into the next batch"
        }
        if let foreign = batch.acknowledged.union(batch.carried).subtracting(batch.deliveries).min() {
            return "delivery \(foreign.number) has an outcome, and is none of the batch"
        }
        let forgotten = batch.deliveries.subtracting(batch.acknowledged).subtracting(batch.carried)
        guard !batch.givesBack, let first = forgotten.min() else { return nil }
        return "delivery \(first.number) of a batch has no outcome"
    }
}
