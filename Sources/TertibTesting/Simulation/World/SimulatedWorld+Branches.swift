import TertibRuntime
import TertibCore

/// Rare branches that show only in what a replica has in hand.
extension SimulatedWorld {
    /// Notes what a replica was delivered.
    func take(_ deliveries: [Delivery], in life: SimulatedReplica.Life) {
        for delivery in deliveries {
            let event = reusesSequences ? try? names.codec.decode(delivery.message) : events[delivery.sequence]
            if let event { life.inHand[delivery.sequence] = (event.aggregate, event.version) }
        }
    }

    /// A claim was lost. Where the replica's events of the aggregate all wait for something, the neighbour that has the
    /// row may have brought it already, or brings it with its commit.
    func claimed(_ expected: [Watermark], won: [Aggregate: Watermark], committed: MemoryTableSet) {
        for watermark in expected {
            let aggregate = watermark.aggregate
            waiting[aggregate]?[scheduler.current] = nil
            guard won[aggregate] == nil,
                let lowest = versionsInHand(of: aggregate, above: watermark.version).min(),
                lowest != watermark.version.next
            else { continue }
            let now = committed[.watermark][MemoryKey(names.consumer, aggregate)]?.watermark?.version ?? .none
            if now.next == lowest {
                meet(.drainThenPark)
            } else if now < lowest {
                waiting[aggregate, default: [:]][scheduler.current] = lowest
            }
        }
    }

    /// The commit that comes next has what others lost their claims to.
    func countDrain(_ change: CommitObservation.Change) {
        guard let waiting = waiting.removeValue(forKey: change.aggregate), let after = change.after else { return }
        meet(.drainThenPark, waiting.count { $0.key != scheduler.current && after.version.next == $0.value })
    }

    /// A commit has left no room for an event that its replica has in hand.
    func countLimit(_ change: CommitObservation.Change) {
        guard change.parked.count >= settings.maxParkedPerAggregate, let after = change.after else { return }
        let parked = Set(change.parked.map(\.version))
        let waiting = versionsInHand(of: change.aggregate, above: after.version)
        if waiting.contains(where: { $0 != after.version.next && !parked.contains($0) }) { meet(.limitReached) }
    }

    /// The versions that the replica which is at work has in hand.
    private func versionsInHand(of aggregate: Aggregate, above version: AggregateVersion) -> [AggregateVersion] {
        guard let life = slots.first(where: { $0.lane.number == scheduler.current })?.life else { return [] }
        return life.inHand.values.compactMap { event in
            event.aggregate == aggregate && event.version > version ? event.version : nil
        }
    }
}
