import TertibRuntime
public import TertibCore

/// A call that appends events, and what its caller was told.
public struct AppendObservation: Sendable {
    /// What a caller was told.
    public enum Outcome: Sendable {
        /// Nothing: it has not come back, or did not learn what is stored.
        case open
        /// Everything is written.
        case receipts([PublishReceipt])
        /// Another version was expected, and nothing is written.
        case conflict
        /// The first events are written. Of the others nothing is, unless the next one's fate is open.
        case partial([PublishReceipt], isNextOpen: Bool)
    }

    /// The call's number.
    public var call: Int
    /// The aggregate.
    public var aggregate: Aggregate
    /// The events' bodies, each of which occurs once.
    public var bodies: [[UInt8]]
    /// The version that was expected.
    public var expected: AggregateVersion?
    /// What the caller was told.
    public var outcome: Outcome

    /// Creates an observation of a call that begins.
    public init(call: Int, aggregate: Aggregate, bodies: [[UInt8]], expected: AggregateVersion?) {
        self.call = call
        self.aggregate = aggregate
        self.bodies = bodies
        self.expected = expected
        outcome = .open
    }
}
