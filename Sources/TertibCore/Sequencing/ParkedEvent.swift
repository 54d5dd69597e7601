/// An acknowledged event that waits in the database: one row of `tertib_parked`.
public struct ParkedEvent: Hashable, Sendable {
    /// The aggregate.
    public let aggregate: Aggregate
    /// The event's version.
    public let version: AggregateVersion
    /// The event's id.
    public let eventID: EventID
    /// Where the stream has it: of its copies, where the first of those has it that are known.
    public let streamSequence: StreamSequence
    /// The message as it came: ``StoredEnvelope``.
    public let stored: [UInt8]
    /// Why it waits.
    public var reason: ParkReason
    /// When it was parked, by the database's clock.
    public let parkedAt: Timestamp
    /// How many times its handler has failed.
    public var attempts: Int
    /// When it is tried again, by the database's clock; `nil` unless ``reason`` is ``ParkReason/retry`` or
    /// ``ParkReason/newerRevision``.
    public var nextAttemptAt: Timestamp?
    /// The last failure, in words.
    public var error: String?

    /// Creates a row.
    public init(
        aggregate: Aggregate, version: AggregateVersion, eventID: EventID, streamSequence: StreamSequence,
        stored: [UInt8], reason: ParkReason, parkedAt: Timestamp, attempts: Int = 0,
        nextAttemptAt: Timestamp? = nil, error: String? = nil
    ) {
        self.aggregate = aggregate
        self.version = version
        self.eventID = eventID
        self.streamSequence = streamSequence
        self.stored = stored
        self.reason = reason
        self.parkedAt = parkedAt
        self.attempts = attempts
        self.nextAttemptAt = nextAttemptAt
        self.error = error
    }

    /// The same row with the message of an arrival, if that is the event once more from an earlier place of the stream.
    func preceded(by copy: Arrival) -> ParkedEvent? {
        guard copy.envelope.id == eventID, copy.sequence < streamSequence else { return nil }
        var row = copy.parkedRow(reason: reason, at: parkedAt)
        (row.attempts, row.nextAttemptAt, row.error) = (attempts, nextAttemptAt, error)
        return row
    }

    /// The message, read back from the row.
    package func message(_ codec: WireCodec) throws(MalformedReason) -> WireMessage {
        try StoredEnvelope.decode(stored, subject: codec.mapping.subject(of: aggregate))
    }

    /// The message; of a row that cannot be read back its bytes, as the body.
    func messageOrBytes(_ codec: WireCodec) -> WireMessage {
        do {
            return try message(codec)
        } catch {
            return WireMessage(subject: codec.mapping.subject(of: aggregate), body: stored)
        }
    }
}

/// Why an event waits.
public enum ParkReason: String, Hashable, Sendable, CaseIterable {
    /// A version before it is missing.
    case gap
    /// Its handler failed, and it will be tried again.
    case retry
    /// An event before it failed.
    case behindFailure
    /// Its schema revision is newer than the code.
    case newerRevision
}
