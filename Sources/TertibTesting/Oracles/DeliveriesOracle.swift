import Tertib
import TertibCore

/// Every delivery that a replica received has exactly one outcome, and the replica's counts say which.
public struct DeliveriesOracle: Oracle {
    /// `deliveries-accounted`
    public let name = "deliveries-accounted"

    /// Creates an oracle.
    public init() {}

    /// Judges the counts of a replica that has stopped in order.
    public mutating func observe(_ observation: Observation) -> String? {
        guard case .stopped(let counts, let received) = observation else { return nil }
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
}
