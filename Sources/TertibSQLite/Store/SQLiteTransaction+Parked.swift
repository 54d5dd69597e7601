import TertibRuntime
import TertibCore

extension ParkedEvent {
    /// The columns that ``init(_:)`` reads, in its order.
    static let columns = """
        aggregate_type, aggregate_id, version, event_id, stream_sequence, envelope, reason, parked_at, attempts,
        next_attempt_at, error
        """

    init(_ row: StatementRow) throws(StoreError) {
        self.init(
            aggregate: try row.aggregate(0), version: try row.version(2), eventID: try row.identity(3),
            streamSequence: try row.sequence(4), stored: try row.bytes(5), reason: try row.word(6),
            parkedAt: try row.time(7), attempts: Int(try row.integer(8)), nextAttemptAt: try row.optionalTime(9),
            error: try row.optionalText(10))
    }

    fileprivate func arguments(_ consumer: ConsumerName) -> [any Bindable] {
        [
            consumer.text, aggregate.type.text, aggregate.id.text, version.number, eventID.text, streamSequence.column,
            stored, reason.rawValue, parkedAt.description, attempts, nextAttemptAt?.description, error,
        ]
    }
}

extension SQLiteTransaction {
    static let countParked = "SELECT count(*) FROM tertib_parked WHERE consumer = ?"
    static let selectParked = """
        SELECT \(ParkedEvent.columns) FROM tertib_parked
        WHERE consumer = ? AND aggregate_type = ? AND aggregate_id = ? AND version >= ? ORDER BY version LIMIT ?
        """
    private static let insertParked = """
        INSERT INTO tertib_parked (consumer, \(ParkedEvent.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    static let deleteParkedRows = """
        DELETE FROM tertib_parked
        WHERE consumer = ? AND aggregate_type = ? AND aggregate_id = ? AND version <= ?
        """
    /// Brings what the watermark repeats of the parked rows up to date; see ``Schema``.
    static let summarizeParked = """
        UPDATE tertib_watermark SET (lowest_parked, oldest_parked_at) = (
            SELECT min(version), min(parked_at) FROM tertib_parked
            WHERE consumer = ?1 AND aggregate_type = ?2 AND aggregate_id = ?3)
        WHERE consumer = ?1 AND aggregate_type = ?2 AND aggregate_id = ?3
        """
    /// The same where rows have only been added, without reading those that were there.
    static let extendSummary = """
        UPDATE tertib_watermark SET
            lowest_parked = min(ifnull(lowest_parked, ?4), ?4),
            oldest_parked_at = min(ifnull(oldest_parked_at, ?5), ?5)
        WHERE consumer = ?1 AND aggregate_type = ?2 AND aggregate_id = ?3
            AND (lowest_parked IS NULL OR lowest_parked > ?4 OR oldest_parked_at > ?5)
        """

    func parked(
        _ consumer: ConsumerName, of aggregate: Aggregate, from version: AggregateVersion, limit: Int
    ) throws -> [ParkedEvent] {
        try perform("read the parked events of \(aggregate)") {
            try runner.rows(
                Self.selectParked,
                [consumer.text, aggregate.type.text, aggregate.id.text, version.number, limit], ParkedEvent.init)
        }
    }

    func park(_ consumer: ConsumerName, _ events: [ParkedEvent]) throws -> [ParkedEvent] {
        try perform("park events") {
            var existing: [ParkedEvent] = []
            var extents: [Aggregate: ParkedExtent] = [:]
            for event in events {
                let inserted = try runner.execute(
                    Self.insertParked + " ON CONFLICT DO NOTHING", event.arguments(consumer))
                if inserted == 0 {
                    existing += try parked(consumer, of: event.aggregate, from: event.version, limit: 1)
                } else {
                    extents[event.aggregate, default: ParkedExtent(event)].extend(by: event)
                }
            }
            for (aggregate, extent) in extents { try note(consumer, extent, of: aggregate) }
            return existing
        }
    }

    func replaceParked(_ consumer: ConsumerName, _ event: ParkedEvent) throws {
        try perform("write a parked event of \(event.aggregate)") {
            try runner.execute(
                Self.insertParked + """
                     ON CONFLICT (consumer, aggregate_type, aggregate_id, version) DO UPDATE SET
                        event_id = excluded.event_id, stream_sequence = excluded.stream_sequence,
                        envelope = excluded.envelope, reason = excluded.reason, parked_at = excluded.parked_at,
                        attempts = excluded.attempts, next_attempt_at = excluded.next_attempt_at,
                        error = excluded.error
                    """, event.arguments(consumer))
            try summarize(consumer, event.aggregate)
        }
    }

    func deleteParked(
        _ consumer: ConsumerName, of aggregate: Aggregate, through version: AggregateVersion
    ) throws -> Int {
        try perform("delete the parked events of \(aggregate)") {
            let count = try runner.execute(
                Self.deleteParkedRows, [consumer.text, aggregate.type.text, aggregate.id.text, version.number])
            if count > 0 { try summarize(consumer, aggregate) }
            return count
        }
    }

    func parkedCount(_ consumer: ConsumerName) throws -> Int {
        try perform("count the parked events") {
            try runner.first(Self.countParked, [consumer.text]) {
                Int(try $0.integer(0))
            } ?? 0
        }
    }

    private func summarize(_ consumer: ConsumerName, _ aggregate: Aggregate) throws {
        try runner.execute(Self.summarizeParked, [consumer.text, aggregate.type.text, aggregate.id.text])
    }

    private func note(_ consumer: ConsumerName, _ extent: ParkedExtent, of aggregate: Aggregate) throws {
        try runner.execute(
            Self.extendSummary,
            [
                consumer.text, aggregate.type.text, aggregate.id.text, extent.lowest.number,
                extent.oldest.description,
            ])
    }
}

/// What rows parked together reach back to.
private struct ParkedExtent {
    private(set) var lowest: AggregateVersion
    private(set) var oldest: Timestamp

    init(_ event: ParkedEvent) {
        (lowest, oldest) = (event.version, event.parkedAt)
    }

    mutating func extend(by event: ParkedEvent) {
        lowest = min(lowest, event.version)
        oldest = min(oldest, event.parkedAt)
    }
}
