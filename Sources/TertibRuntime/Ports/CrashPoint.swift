/// The places at which a replica can be made to crash, named once, so that simulator and process chaos break the real
/// code at the same places.
public enum CrashPoint: String, Hashable, Sendable, CaseIterable {
    /// Deliveries have arrived, nothing has begun.
    case afterFetch
    /// The transaction has begun.
    case afterBegin
    /// The batch's watermark rows are claimed.
    case afterClaim
    /// A handler has returned.
    case afterHandler
    /// Everything is written, and the commit has not been sent.
    case beforeCommit
    /// The commit has been sent, and its outcome is not known yet.
    case commitSent
    /// The transaction has committed, nothing is acknowledged.
    case afterCommit
    /// Half of the batch is acknowledged.
    case midAcknowledge
    /// Some of the batch's gapped events are parked.
    case midPark
    /// A parked event has been applied by a drain.
    case midDrain
    /// One aggregate's drain is done, another's is not.
    case betweenDrains
    /// The relay has claimed outbox rows.
    case relayAfterClaim
    /// The relay has published some of them.
    case relayMidPublish
    /// The stream has acknowledged, and the rows are not marked.
    case relayAfterPublish
}

/// What happens when a crash point is reached; nothing, in production.
public struct CrashPlan: Sendable {
    private let action: (@Sendable (CrashPoint) throws -> Void)?

    /// Nothing happens at any point.
    public static let none = CrashPlan(action: nil)

    /// Calls `action` at each point. It may end the process, or throw to drop the replica out of its loop.
    public init(action: (@Sendable (CrashPoint) throws -> Void)?) {
        self.action = action
    }

    /// Tells the plan that `point` is reached.
    @inlinable
    public func reach(_ point: CrashPoint) throws {
        try perform(point)
    }

    @usableFromInline
    func perform(_ point: CrashPoint) throws {
        try action?(point)
    }
}

/// What a crash plan throws to drop a replica out of its loop. It passes through everything, like the end of a process.
public protocol SimulatedFault: Error {}
