public import TertibCore

/// A consistent snapshot of a store, for tools: nothing here is on the path of an event.
public protocol StoreReader: AnyObject {
    /// The database's clock.
    func now() throws -> Timestamp

    /// The consumers that have a row, by name.
    func consumers() throws -> [ConsumerName: ConsumerRegistration]

    /// Counts for one consumer. `stuckBefore`: gaps whose oldest row was parked before it count as stuck.
    func summary(_ consumer: ConsumerName, stuckBefore: Timestamp) throws -> ConsumerSummary

    /// Watermarks in byte order after `aggregate`, at most `limit`: pages over all of them.
    func watermarks(_ consumer: ConsumerName, after aggregate: Aggregate?, limit: Int) throws -> [Watermark]

    /// One watermark.
    func watermark(_ consumer: ConsumerName, of aggregate: Aggregate) throws -> Watermark?

    /// Parked rows, of one aggregate or all, oldest first, at most `limit`.
    func parkedRows(_ consumer: ConsumerName, of aggregate: Aggregate?, limit: Int) throws -> [ParkedEvent]

    /// Open dead letters, of one aggregate or all, newest first, at most `limit`.
    func deadLetters(_ consumer: ConsumerName, of aggregate: Aggregate?, limit: Int) throws -> [DeadLetter]

    /// Unpublished outbox rows: how many, and when the oldest was staged.
    func outboxSummary() throws -> OutboxSummary

    /// Unpublished outbox rows of one aggregate or all, by position, at most `limit`.
    func outboxRows(of aggregate: Aggregate?, limit: Int) throws -> [OutboxRow]

    /// Unpublished outbox rows of several aggregates, by version, at most `limit` of each; what a relay asks for.
    func outboxRows(ofEach aggregates: [Aggregate], limit: Int) throws -> [Aggregate: [OutboxRow]]

    /// The head of an aggregate.
    func head(of aggregate: Aggregate) throws -> AggregateHead?

    /// Runs one query with `?` placeholders.
    func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow]
}

extension StoreReader {
    /// Asks for one aggregate after the other.
    public func outboxRows(ofEach aggregates: [Aggregate], limit: Int) throws -> [Aggregate: [OutboxRow]] {
        var rows: [Aggregate: [OutboxRow]] = [:]
        for aggregate in aggregates {
            rows[aggregate] = try outboxRows(of: aggregate, limit: limit).sorted { $0.version < $1.version }
        }
        return rows
    }
}

/// What a consumer has, in numbers.
public struct ConsumerSummary: Hashable, Sendable {
    /// Aggregates with a watermark.
    public var aggregates: Int
    /// Parked rows.
    public var parked: Int
    /// When the oldest of them was parked.
    public var oldestParkedAt: Timestamp?
    /// Aggregates whose gap is older than its limit.
    public var stuck: Int
    /// Aggregates that are behind.
    public var behind: Int
    /// Open dead letters.
    public var deadLetters: Int
    /// Quarantined aggregates.
    public var quarantined: Int

    /// Creates a summary.
    public init(
        aggregates: Int, parked: Int, oldestParkedAt: Timestamp?, stuck: Int, behind: Int, deadLetters: Int,
        quarantined: Int
    ) {
        self.aggregates = aggregates
        self.parked = parked
        self.oldestParkedAt = oldestParkedAt
        self.stuck = stuck
        self.behind = behind
        self.deadLetters = deadLetters
        self.quarantined = quarantined
    }
}

/// What an outbox has, in numbers.
public struct OutboxSummary: Hashable, Sendable {
    /// Unpublished rows.
    public var rows: Int
    /// When the oldest of them was staged.
    public var oldestStagedAt: Timestamp?

    /// Creates a summary.
    public init(rows: Int, oldestStagedAt: Timestamp?) {
        self.rows = rows
        self.oldestStagedAt = oldestStagedAt
    }
}
