import TertibRuntime

/// Every delivery of a replica that has ended in order is in one of its counts.
enum Accounts {
    static func judge(_ counts: ConsumerCounts, of name: String) -> LabViolation? {
        let ends =
            counts.appliedFromDelivery + counts.stale + counts.waiting + counts.parked + counts.deadLettered
            + counts.ignored + counts.letGo
        guard ends == counts.delivered else {
            return LabViolation(
                .accounts, "\(name) has received \(counts.delivered) deliveries, and accounts for \(ends) of them")
        }
        let applied = counts.appliedFromDelivery + counts.drained + counts.repaired + counts.retried
        guard applied == counts.applied else {
            return LabViolation(
                .accounts, "\(name) has applied \(counts.applied) events, and says of \(applied) how they came")
        }
        return nil
    }
}
