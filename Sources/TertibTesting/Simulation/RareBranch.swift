/// A branch of the code that a schedule meets only now and then: they are counted, so that no run of many seeds passes
/// because nothing happened in it.
public enum RareBranch: String, Hashable, Sendable, Codable, CaseIterable, Comparable {
    /// An event was parked because of a gap.
    case parked
    /// What was parked before was drained by the event that closed the gap.
    case parkThenDrain
    /// A replica lost its claim to the neighbour that had brought what the events in its hand were waiting for.
    case drainThenPark
    /// A claim was lost to a neighbour.
    case lostClaim
    /// A gapped delivery was held in memory.
    case held
    /// A repair read missing versions from the stream by pointer.
    case repairByPointer
    /// A repair searched the aggregate's subject.
    case repairBySearch
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
    /// A fork came when later versions had been applied already, which nobody notices by versions alone.
    case forkBelowWatermark
    /// A batch was begun again with a savepoint an event.
    case careful
    /// A commit's outcome stayed unknown, and it had happened.
    case unknownCommitted
    /// A commit's outcome stayed unknown, and it had not happened.
    case unknownRolledBack
    /// A replica has crashed at a named point.
    case crash
    /// A delivery came again after it was not answered.
    case redelivery
    /// A transaction waited for a neighbour's row.
    case rowWait
    /// A wait would have closed a circle.
    case deadlock
    /// A relay took over what another one had claimed.
    case leaseTakeover
    /// A publish had no answer.
    case unknownPublish
    /// A publish met another last message than it expected.
    case superseded
    /// An append lost a race, or expected a version that was not the current one.
    case appendConflict
    /// Of several events to append only the first ones were written.
    case partialAppend
    /// An append found that an earlier attempt had been stored.
    case appendRecognised
    /// The broker passed over a message that it had not delivered.
    case skipped
    /// The broker lost messages that it had acknowledged.
    case lostTail
    /// A relay took back that events were published which the stream has lost, and published them again.
    case reopened
    /// A consumer stopped because its stream was gone, or another one.
    case streamRefused
    /// An aggregate's parked rows were at their limit, and the replica had a further event of it in hand that is to be
    /// parked: there was no room.
    case limitReached
    /// A consumer that had reached a limit of parked rows came to rest only when somebody gave it room.
    case limitRaised
    /// A consumer paused: a limit reached, or a database away.
    case paused

    /// By the order of declaration.
    public static func < (left: RareBranch, right: RareBranch) -> Bool { left.rawValue < right.rawValue }
}
