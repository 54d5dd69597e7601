public import TertibCore

/// A port: the append-only log of events, which is a JetStream stream in production.
///
/// Every call is safe from any task. A call that waits for the broker ends by its own time limit, never hangs, and
/// fails with ``EventLogError``; the log itself reconnects for ever, so a caller only decides when to call again.
public protocol EventLog: Sendable {
    /// The stream as it is now, asked of its leader.
    func state() async throws(EventLogError) -> StreamState

    /// Publishes one message, at most once in the stream for each call.
    ///
    /// Never throws: what happened is the value. ``PublishOutcome/unknown(_:)`` means that the message may or may not
    /// be stored; ``Publisher`` settles it.
    func publish(_ message: WireMessage, expecting expectation: SubjectExpectation) async -> PublishOutcome

    /// The message at a sequence; `nil` when the stream has none there.
    func message(at sequence: StreamSequence, from source: ReadSource) async throws(EventLogError) -> LoggedMessage?

    /// The first message on a subject at or after `sequence`; `nil` when there is none. `subject` may hold wildcards.
    func firstMessage(
        on subject: String, from sequence: StreamSequence, source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage?

    /// The last message on a literal subject; `nil` when there is none.
    func lastMessage(on subject: String, from source: ReadSource) async throws(EventLogError) -> LoggedMessage?

    /// Creates (or, under ``ManagementMode/check``, finds and compares) the durable consumer and starts to receive.
    func subscribe(_ subscription: Subscription) async throws(EventLogError) -> any DeliverySource

    /// The state of a durable consumer; `nil` when there is none of that name.
    func consumerState(_ name: String) async throws(EventLogError) -> LogConsumerState?

    /// Closes the connection after what was sent has been flushed; every later call fails with
    /// ``EventLogError/Code/closed``. Idempotent.
    func close() async
}

/// A port: the deliveries of one durable consumer to this replica.
///
/// Nothing is delivered that was not asked for: ``next(upTo:waiting:)`` is the back pressure. A delivery stays the
/// caller's until it is acknowledged or negative-acknowledged, or its acknowledgement wait ends.
public protocol DeliverySource: Sendable {
    /// What has arrived, at most `limit` deliveries and the subscription's byte budget; empty when nothing arrived
    /// within `wait`. Returns as soon as there is anything. Cancellation ends the wait with an empty result.
    /// - Throws: ``EventLogError`` with code ``EventLogError/Code/consumerGone`` or
    ///   ``EventLogError/Code/streamGone`` when it will never deliver again; a broker that is merely away does not
    ///   throw, it delivers nothing.
    func next(upTo limit: Int, waiting wait: Duration) async throws(EventLogError) -> [Delivery]

    /// Sends one answer for each delivery. Best effort: an answer that is lost leads to a redelivery.
    func answer(_ answer: DeliveryAnswer, to deliveries: [Delivery]) async

    /// Stops asking for more, and gives back what arrived and was not taken; a later ``next(upTo:waiting:)`` asks
    /// again.
    func suspend() async -> [Delivery]

    /// Ends the subscription after the answers already given have been sent; the durable consumer stays. Gives back
    /// what arrived and was not taken, negative-acknowledged already. Idempotent.
    func close() async
}

/// What a replica tells the broker about a delivery.
public enum DeliveryAnswer: Hashable, Sendable {
    /// Its outcome is committed: never deliver it again.
    case acknowledge
    /// Deliver it again, after a delay.
    case negativeAcknowledge(delay: Duration)
    /// Still at work: restart the acknowledgement wait.
    case inProgress
}

/// One handing-over of a message to this replica.
public struct Delivery: Hashable, Sendable {
    /// The message.
    public let message: WireMessage
    /// Its position in the stream.
    public let sequence: StreamSequence
    /// Which delivery of the message this is, from 1. A hint: a broker that lost its consumer's state starts anew.
    public let attempt: Int
    /// How many messages the broker has not yet delivered to this consumer.
    public let pending: UInt64
    /// When the stream stored the message.
    public let storedAt: Timestamp
    /// What the log needs to route the answer; for JetStream the reply subject.
    public let replyToken: String

    /// Creates a delivery.
    public init(
        message: WireMessage, sequence: StreamSequence, attempt: Int, pending: UInt64, storedAt: Timestamp,
        replyToken: String
    ) {
        self.message = message
        self.sequence = sequence
        self.attempt = attempt
        self.pending = pending
        self.storedAt = storedAt
        self.replyToken = replyToken
    }
}

/// Who answers a read.
public enum ReadSource: Hashable, Sendable {
    /// Any replica of the stream: fast, and perhaps behind the leader.
    case anyReplica
    /// The stream's leader: only its "not there" proves anything.
    case leader
}

/// Whether streams and JetStream consumers are created by the service or by an administrator.
public enum ManagementMode: String, Hashable, Sendable {
    /// Created or updated at start.
    case create
    /// Bound and compared only: least privilege.
    case check
}

/// A durable consumer to receive from.
public struct Subscription: Hashable, Sendable {
    /// The durable name, `<service>-<consumer>`.
    public var durableName: String
    /// The one aggregate type to receive, or `nil` for several or all: then the caller filters.
    public var onlyType: AggregateType?
    /// How long the broker waits for an answer before it delivers again.
    public var acknowledgementWait: Duration
    /// How many deliveries may be unanswered, over all replicas.
    public var maxAcknowledgementPending: Int
    /// At most this many deliveries are asked for ahead of ``DeliverySource/next(upTo:waiting:)``.
    public var pullLimit: Int
    /// At most this many bytes are asked for ahead.
    public var byteLimit: Int
    /// The identity of the database that all replicas share, kept in the durable consumer's description.
    public var storeID: String
    /// Take the durable consumer over although its description names another database: it is created anew, and
    /// everything is delivered again.
    public var takesOver: Bool

    /// Creates a subscription.
    public init(
        durableName: String, onlyType: AggregateType? = nil, acknowledgementWait: Duration = .seconds(30),
        maxAcknowledgementPending: Int = 20_000, pullLimit: Int = 1024, byteLimit: Int = 16 << 20, storeID: String,
        takesOver: Bool = false
    ) {
        self.durableName = durableName
        self.onlyType = onlyType
        self.acknowledgementWait = acknowledgementWait
        self.maxAcknowledgementPending = maxAcknowledgementPending
        self.pullLimit = pullLimit
        self.byteLimit = byteLimit
        self.storeID = storeID
        self.takesOver = takesOver
    }
}

/// A durable consumer, as the broker describes it.
public struct LogConsumerState: Hashable, Sendable {
    /// Messages not delivered yet.
    public var pending: UInt64
    /// Delivered and not answered.
    public var acknowledgementPending: Int
    /// Everything at or below this stream sequence is acknowledged.
    public var acknowledgedFloor: StreamSequence
    /// The highest stream sequence delivered.
    public var delivered: StreamSequence
    /// Pull requests that wait.
    public var waiting: Int
    /// Delivered more than once and not answered.
    public var redelivered: Int
    /// The limit of ``acknowledgementPending``.
    public var maxAcknowledgementPending: Int

    /// Creates a state.
    public init(
        pending: UInt64, acknowledgementPending: Int, acknowledgedFloor: StreamSequence, delivered: StreamSequence,
        waiting: Int = 0, redelivered: Int = 0, maxAcknowledgementPending: Int = 0
    ) {
        self.pending = pending
        self.acknowledgementPending = acknowledgementPending
        self.acknowledgedFloor = acknowledgedFloor
        self.delivered = delivered
        self.waiting = waiting
        self.redelivered = redelivered
        self.maxAcknowledgementPending = maxAcknowledgementPending
    }
}
