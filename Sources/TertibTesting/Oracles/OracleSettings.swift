public import TertibCore

/// What the oracles have to know of a run to judge it.
public struct OracleSettings: Sendable {
    /// The types that the consumer takes; `nil` for all.
    public var types: Set<AggregateType>?
    /// The types that are published by way of the outbox.
    public var published: Set<AggregateType> = []
    /// The types that are written by append alone.
    public var appended: Set<AggregateType> = []
    /// At most so many rows of an aggregate are parked.
    public var maxParkedPerAggregate = Int.max
    /// At most so many rows are parked in all, a batch a replica included.
    public var maxParkedInAll = Int.max
    /// Whether a transaction may leave the rest of a drain to the sweeper without saying so.
    public var allowsLeftovers = false
    /// The events whose handlers fail; `nil` where others are blamed with reason too.
    public var failing: Set<PoisonOracle.LedgerKey>? = []
    /// Those of them that fail for good.
    public var bad: Set<PoisonOracle.LedgerKey> = []
    /// After so many attempts an event is a dead letter.
    public var maxAttempts = 1
    /// So many failures of its handler, as ``Observation/handlerFailed(_:)`` tells them, make an event a dead letter.
    public var leastFailures = 1

    /// Creates settings of a run in which nothing fails.
    public init() {}

    /// All oracles: the one list that every engine goes through, in its order.
    public var oracles: [any Oracle] {
        [
            StateOracle(), AppliedOnceOracle(), WatermarkOracle(allowsLeftovers: allowsLeftovers), DeliveriesOracle(),
            AcknowledgementOracle(), RestOracle(types: types),
            LimitOracle(maxParkedPerAggregate: maxParkedPerAggregate, maxParkedInAll: maxParkedInAll),
            PublishedOracle(types: published), AppendOracle(types: appended), ForkOracle(), StreamOracle(),
            EndsOracle(),
            PoisonOracle(failing: failing, bad: bad, maxAttempts: maxAttempts, leastFailures: leastFailures),
        ]
    }
}
