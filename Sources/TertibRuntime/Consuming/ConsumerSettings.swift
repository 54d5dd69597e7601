public import TertibCore

/// How one consumer works. Every limit has a documented default.
public struct ConsumerSettings: Hashable, Sendable {
    /// The consumer's name; with the service's name it is the durable's.
    public var name: ConsumerName
    /// The aggregate types it applies; `nil` for all. Events of others are acknowledged as *ignored*.
    public var aggregates: Set<AggregateType>?
    /// At most so many deliveries go into one transaction.
    public var batch: Int
    /// At most so many bytes of messages are asked for ahead.
    public var batchBytes: Int
    /// How long the broker waits for an answer before it delivers again.
    public var acknowledgementWait: Duration
    /// How many deliveries may be unanswered over all replicas; well above what they ask for together.
    public var maxAcknowledgementPending: Int
    /// How long a lone gapped delivery waits in memory before it is parked.
    public var gapHold: Duration
    /// A gap older than this counts as stuck.
    public var gapLimit: Duration
    /// How failing events are tried again.
    public var retry: RetryPolicy
    /// At most so many rows are parked for one aggregate.
    public var maxParkedPerAggregate: Int
    /// At most so many rows are parked in all (give or take a batch a replica).
    public var maxParkedTotal: Int
    /// Take the durable consumer over although it names another database.
    public var takesOver: Bool

    /// Creates settings.
    public init(
        name: ConsumerName, aggregates: Set<AggregateType>? = nil, batch: Int = 1024, batchBytes: Int = 16 << 20,
        acknowledgementWait: Duration = .seconds(30), maxAcknowledgementPending: Int = 20_000,
        gapHold: Duration = .milliseconds(50), gapLimit: Duration = .seconds(600),
        retry: RetryPolicy = RetryPolicy(), maxParkedPerAggregate: Int = 1000, maxParkedTotal: Int = 100_000,
        takesOver: Bool = false
    ) {
        self.name = name
        self.aggregates = aggregates
        self.batch = batch
        self.batchBytes = batchBytes
        self.acknowledgementWait = acknowledgementWait
        self.maxAcknowledgementPending = maxAcknowledgementPending
        self.gapHold = gapHold
        self.gapLimit = gapLimit
        self.retry = retry
        self.maxParkedPerAggregate = maxParkedPerAggregate
        self.maxParkedTotal = maxParkedTotal
        self.takesOver = takesOver
    }
}
