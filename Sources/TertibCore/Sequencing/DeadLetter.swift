/// An event that failed for good, or a message that is no event: one row of `tertib_dead_letter`.
///
/// Unique per consumer, stream (by its creation time) and stream sequence; a repeat reopens the row.
public struct DeadLetter: Hashable, Sendable {
    /// The row's id, a UUID.
    public let id: String
    /// The aggregate, if the subject names one.
    public var aggregate: Aggregate?
    /// The version, if the message says one.
    public var version: AggregateVersion?
    /// The event's id, if the message says one.
    public var eventID: EventID?
    /// When the stream was created: with the sequence it identifies the message.
    public var streamCreatedAt: Timestamp
    /// Where the stream has it.
    public var streamSequence: StreamSequence
    /// The subject, repaired to UTF-8.
    public var subject: String
    /// The header block, as it came.
    public var headers: [UInt8]
    /// The body, as it came.
    public var body: [UInt8]
    /// Why it is here.
    public var reason: DeadLetterReason
    /// The last failure, in words.
    public var error: String
    /// How many times its handler has failed; 0 where no handler ran.
    public var attempts: Int
    /// The first failure, by the database's clock.
    public var firstFailedAt: Timestamp
    /// The last failure, by the database's clock.
    public var lastFailedAt: Timestamp

    /// Creates a row.
    public init(
        id: String, aggregate: Aggregate?, version: AggregateVersion?, eventID: EventID?,
        streamCreatedAt: Timestamp, streamSequence: StreamSequence, message: WireMessage, reason: DeadLetterReason,
        error: String, attempts: Int, failedAt: Timestamp
    ) {
        self.id = id
        self.aggregate = aggregate
        self.version = version
        self.eventID = eventID
        self.streamCreatedAt = streamCreatedAt
        self.streamSequence = streamSequence
        subject = message.subject
        headers = StoredEnvelope.headerBlock(message.headers)
        body = message.body
        self.reason = reason
        self.error = error
        self.attempts = attempts
        firstFailedAt = failedAt
        lastFailedAt = failedAt
    }
}

/// Why a message is a dead letter.
public enum DeadLetterReason: String, Hashable, Sendable, CaseIterable {
    /// It breaks the wire contract.
    case malformed
    /// Its handler failed too often.
    case failed
    /// Another event has its version.
    case forked
}

/// What identifies an open dead letter within its aggregate.
public struct DeadLetterKey: Hashable, Sendable {
    /// The aggregate.
    public let aggregate: Aggregate
    /// The version.
    public let version: AggregateVersion
    /// The event's id.
    public let eventID: EventID?
    /// Why it is a dead letter.
    public let reason: DeadLetterReason
    /// Where the stream has it: of a copy, where it has the copy.
    public let streamSequence: StreamSequence

    /// Creates a key.
    public init(
        aggregate: Aggregate, version: AggregateVersion, eventID: EventID?, reason: DeadLetterReason,
        streamSequence: StreamSequence
    ) {
        self.aggregate = aggregate
        self.version = version
        self.eventID = eventID
        self.reason = reason
        self.streamSequence = streamSequence
    }
}
