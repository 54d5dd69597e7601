import TertibRuntime
import TertibCore

extension AggregateHead {
    /// Columns: version, published_version, event_id, stream_sequence.
    init(_ row: ResultRow, of aggregate: Aggregate, from column: Int = 0) throws(StoreError) {
        self.init(
            aggregate: aggregate, version: try row.version(column), publishedVersion: try row.version(column + 1),
            eventID: try row.optionalIdentity(column + 2), streamSequence: try row.sequence(column + 3))
    }
}

extension OutboxRow {
    /// Columns: position, aggregate_type, aggregate_id, version, event_id, envelope, staged_at.
    init(_ row: ResultRow) throws(StoreError) {
        self.init(
            position: try row.integer(0), aggregate: try row.aggregate(1), version: try row.version(3),
            eventID: try row.identity(4), stored: try row.bytes(5), stagedAt: try row.time(6))
    }
}

/// The row of an aggregate's head is the lock under which its versions are staged and marked, so that the two see each
/// other: who stages has moved the head before it looks for lower versions that wait, and who marks moves it before it
/// frees the next one. Without that order both could miss the other's work, and a row would stay behind for ever.
extension PostgresTransaction {
    static let selectHead = """
        SELECT version, published_version, event_id, stream_sequence FROM tertib_head
        WHERE aggregate_type = $1 AND aggregate_id = $2
        """
    private static let insertHead = """
        INSERT INTO tertib_head (aggregate_type, aggregate_id, version, published_version, event_id, stream_sequence)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
        """
    /// A relay may have published since the head was read: what it has marked is never taken back.
    private static let updateHead = """
        UPDATE tertib_head SET version = $3, event_id = $5,
            stream_sequence = CASE WHEN $4 >= published_version THEN $6 ELSE stream_sequence END,
            published_version = greatest(published_version, $4)
        WHERE aggregate_type = $1 AND aggregate_id = $2 AND version = $7
        """
    private static let insertOutboxRow = """
        INSERT INTO tertib_outbox (aggregate_type, aggregate_id, version, event_id, envelope, staged_at, not_before)
        VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN EXISTS (
            SELECT FROM tertib_outbox WHERE published_at IS NULL
                AND aggregate_type = $1 AND aggregate_id = $2 AND version < $3) THEN NULL ELSE $7::timestamptz END)
        """
    private static let deletePublishedRows = """
        DELETE FROM tertib_outbox WHERE position IN (
            SELECT position FROM tertib_outbox WHERE published_at IS NOT NULL AND published_at < $1
            ORDER BY published_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        """

    func head(of aggregate: Aggregate) throws -> AggregateHead? {
        try perform("read the head of \(aggregate)") {
            try runner.first(Self.selectHead, Parameter.key(of: aggregate)) { try AggregateHead($0, of: aggregate) }
        }
    }

    func compareAndSetHead(_ expected: AggregateHead?, to head: AggregateHead) throws -> Bool {
        try perform("move the head of \(head.aggregate)") {
            let values =
                Parameter.key(of: head.aggregate) + [
                    .bigint(head.version.number), .bigint(head.publishedVersion.number), .text(head.eventID?.text),
                    .bigint(head.streamSequence.column),
                ]
            guard let expected else { return try runner.execute(Self.insertHead, values) == 1 }
            return try runner.execute(Self.updateHead, values + [.bigint(expected.version.number)]) == 1
        }
    }

    func insertOutbox(_ row: OutboxRow) throws {
        try perform("stage version \(row.version) of \(row.aggregate)") {
            try runner.enqueue(
                Self.insertOutboxRow,
                Parameter.key(of: row.aggregate) + [
                    .bigint(row.version.number), .text(row.eventID.text), .bytes(row.stored),
                    .time(row.stagedAt), .time(Self.free),
                ], for: .staging(row.version, row.aggregate))
        }
        hasStaged = true
    }

    func deletePublished(before time: Timestamp, limit: Int) throws -> Int {
        try perform("delete published events") {
            try runner.execute(Self.deletePublishedRows, [.time(time), .bigint(limit)])
        }
    }
}
