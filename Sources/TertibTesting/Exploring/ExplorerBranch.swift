/// Something that a schedule of the explorer meets only now and then; what the simulator counts too has its name.
package enum ExplorerBranch: Int, Hashable, Sendable, CaseIterable {
    /// An event was parked because of a gap.
    case parked
    /// What was parked before was drained by the event that closed the gap.
    case parkThenDrain
    /// A batch that was about to park lost its claim to the neighbour that brought what was missing.
    case drainThenPark
    /// A claim was lost to a neighbour.
    case lostClaim
    /// A gapped delivery was held in memory.
    case held
    /// A hold was over before the gap had closed.
    case holdOver
    /// A repair has read missing versions from the stream.
    case repair
    /// Events were applied by a repair.
    case repaired
    /// A handler has failed, and its event waits for its next attempt.
    case retry
    /// An event was applied after a failure.
    case retried
    /// An aggregate was quarantined.
    case quarantine
    /// A fork was found.
    case fork
    /// A batch was begun again with a savepoint an event.
    case careful
    /// A commit's outcome stayed unknown, and it had happened.
    case unknownCommitted
    /// A commit's outcome stayed unknown, and it had not happened.
    case unknownRolledBack
    /// A replica has crashed in a transaction.
    case crashInTransaction
    /// A replica has crashed after its commit, and before all acknowledgements.
    case crashBeforeAcknowledgement
    /// An event was delivered that was applied, or parked, already.
    case redelivery
    /// A message was with two replicas, or twice with one.
    case doubleDelivery
    /// Acknowledgements have not arrived.
    case lostAcknowledgement
    /// A statement failed for a neighbour's sake.
    case conflict
    /// The sweeper has looked for what to wake.
    case sweep
    /// The sweeper has woken an aggregate.
    case wake
    /// A transaction left the rest of a drain to the sweeper.
    case leftover
    /// A limit of the parked rows was reached.
    case limitReached
    /// A replica gave everything back.
    case givenBack

    /// Its name, as it is printed.
    package var name: String { "\(self)" }
}
