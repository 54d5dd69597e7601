/// How one consumer works. Every limit has a documented default.
public struct ConsumerSettings: Hashable, Sendable {
    /// The consumer's name; with the service's name it is the durable's.
    public var name: ConsumerName
    /// The aggregate types it applies; `nil` for all. Events of others are acknowledged as *ignored*.
    public var aggregates: Set<AggregateType>?
    /// Maximum number of deliveries in one transaction.
    public var batch: Int
    /// Maximum number of bytes of messages asked for ahead.
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
    /// Maximum number of rows parked for one aggregate.
    public var maxParkedPerAggregate: Int
    /// Maximum number of rows parked in all (give or take one batch of each replica).
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

/// What ties a consumer to its database and its stream: one row of `tertib_consumer`.
public struct ConsumerRegistration: Hashable, Sendable {
    /// The database's identity, a UUID made with the row.
    public var storeID: String
    /// The stream that the watermarks belong to.
    public var stream: StreamName
    /// When that stream was created.
    public var streamCreatedAt: Timestamp
    /// Everything at or below it was acknowledged.
    public var acknowledgedFloor: StreamSequence
    /// The life of the consumer's state.
    public var generation: Int

    /// Creates a registration.
    public init(
        storeID: String, stream: StreamName, streamCreatedAt: Timestamp, acknowledgedFloor: StreamSequence = .none,
        generation: Int = 1
    ) {
        self.storeID = storeID
        self.stream = stream
        self.streamCreatedAt = streamCreatedAt
        self.acknowledgedFloor = acknowledgedFloor
        self.generation = generation
    }
}
