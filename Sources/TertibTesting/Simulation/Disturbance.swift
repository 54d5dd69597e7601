import TertibRuntime

/// One thing that goes wrong, or one that operators do, in a run of the simulator.
///
/// It happens at a moment, or at the n-th time that a replica comes to a place; one whose occasion never comes is
/// skipped, so that a plan stays good when the code changes.
public struct Disturbance: Hashable, Sendable, Codable {
    /// What happens. Further ones may be added.
    public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        /// The replica crashes at ``Disturbance/point``, the ``Disturbance/nth`` time that it comes there.
        case crash
        /// The replica is killed, whatever it does.
        case kill
        /// The broker goes away.
        case brokerAway
        /// The database goes away.
        case databaseAway
        /// The replica's connection to the broker is cut.
        case cut
        /// The n-th commit happens, and its caller does not learn it.
        case unknownCommitted
        /// The n-th commit does not happen, and its caller does not learn it.
        case unknownRolledBack
        /// The n-th commit is rolled back as a conflict.
        case conflict
        /// The database refuses the commits of the n-th batch and of the next one, as a deferred constraint does.
        case commitRefused
        /// The n-th step of a transaction fails as a conflict.
        case storeConflict
        /// The n-th step of a transaction fails because the database is away.
        case storeAway
        /// The n-th call to the broker fails.
        case logAway
        /// The n-th publish is stored, and its answer is lost.
        case publishAnswerLost
        /// What the n-th fetch was delivered is lost on its way to the replica.
        case fetchLost
        /// The n-th answer to deliveries, an acknowledgement or another one, is lost.
        case answerLost
        /// The next publish is stored, and its answer is lost.
        case lostPublishAnswer
        /// The next publish is lost.
        case lostPublish
        /// The replica stands still.
        case pause
        /// The database's wall clock jumps by ``Disturbance/amount`` milliseconds.
        case databaseClock
        /// The replica's wall clock jumps.
        case replicaClock
        /// The database's wall clock stands still.
        case databaseClockStopped
        /// The replica's wall clock stands still.
        case replicaClockStopped
        /// A replica joins.
        case join
        /// The replica leaves in order.
        case leave
        /// The broker forgets what it delivered and what was acknowledged of its last ``Disturbance/amount`` messages.
        case forget
        /// The broker passes over at most ``Disturbance/amount`` messages that it has not delivered, each with a later
        /// version of its aggregate behind it.
        case skip
        /// All but the last ``Disturbance/amount`` messages are deleted.
        case trim
        /// The broker goes away, and comes back without its last ``Disturbance/amount`` messages and what it knew of
        /// their deliveries.
        case loseTail
        /// The stream is deleted, and restored from a backup that lacks its last ``Disturbance/amount`` messages.
        case restore
        /// The stream is deleted and created anew, empty; ``Disturbance/lasting`` later the replicas are told.
        case recreate
    }

    /// What happens.
    public var kind: Kind
    /// When, in milliseconds from the start.
    public var at: Int?
    /// For how long, in milliseconds; after a crash, until the replica is back.
    public var lasting: Int?
    /// To which replica, from 0.
    public var replica: Int?
    /// Where it crashes: `afterClaim` and the like, or a call of a port and a side of it, such as `claim.after`.
    public var point: String?
    /// At the how manieth time, from 1.
    public var nth: Int?
    /// How much of it.
    public var amount: Int?

    init(
        _ kind: Kind, at: Int? = nil, lasting: Int? = nil, replica: Int? = nil, point: CrashSite? = nil,
        nth: Int? = nil, amount: Int? = nil
    ) {
        self.kind = kind
        self.at = at
        self.lasting = lasting
        self.replica = replica
        self.point = point?.description
        self.nth = nth
        self.amount = amount
    }
}
