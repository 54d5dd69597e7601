/// The writing side's knowledge of one aggregate: one row of `tertib_head`.
public struct AggregateHead: Hashable, Sendable {
    /// The aggregate.
    public let aggregate: Aggregate
    /// The last staged or appended version.
    public var version: AggregateVersion
    /// The last version that the stream has acknowledged.
    public var publishedVersion: AggregateVersion
    /// The id of the event at ``version``.
    public var eventID: EventID?
    /// The stream sequence of the event at ``publishedVersion``: what the next publish expects.
    public var streamSequence: StreamSequence

    /// Creates a head; by default that of an aggregate without history.
    public init(
        aggregate: Aggregate, version: AggregateVersion = .none, publishedVersion: AggregateVersion = .none,
        eventID: EventID? = nil, streamSequence: StreamSequence = .none
    ) {
        self.aggregate = aggregate
        self.version = version
        self.publishedVersion = publishedVersion
        self.eventID = eventID
        self.streamSequence = streamSequence
    }
}

/// A staged event: one row of `tertib_outbox`.
public struct OutboxRow: Hashable, Sendable {
    /// The order of staging. Never the order of publishing: rows commit out of order.
    public var position: Int64
    /// The aggregate.
    public let aggregate: Aggregate
    /// The event's version.
    public let version: AggregateVersion
    /// The event's id.
    public let eventID: EventID
    /// The message: ``StoredEnvelope``.
    public let stored: [UInt8]
    /// When it was staged, by the database's clock.
    public let stagedAt: Timestamp

    /// Creates a row; a store gives it its position.
    public init(
        position: Int64 = 0, aggregate: Aggregate, version: AggregateVersion, eventID: EventID, stored: [UInt8],
        stagedAt: Timestamp
    ) {
        self.position = position
        self.aggregate = aggregate
        self.version = version
        self.eventID = eventID
        self.stored = stored
        self.stagedAt = stagedAt
    }
}

/// A row of the outbox that a relay has taken, with its aggregate's head.
public struct OutboxClaim: Hashable, Sendable {
    /// The row.
    public let row: OutboxRow
    /// The head of its aggregate.
    public let head: AggregateHead

    /// Creates a claim.
    public init(row: OutboxRow, head: AggregateHead) {
        self.row = row
        self.head = head
    }
}
