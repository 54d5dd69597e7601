import TertibRuntime
import TertibCore

extension AggregateHead {
    /// Columns: version, published_version, event_id, stream_sequence.
    init(_ row: StatementRow, of aggregate: Aggregate, from column: Int = 0) throws(StoreError) {
        self.init(
            aggregate: aggregate, version: try row.version(column), publishedVersion: try row.version(column + 1),
            eventID: try row.optionalIdentity(column + 2), streamSequence: try row.sequence(column + 3))
    }
}

extension OutboxRow {
    /// Columns: position, aggregate_type, aggregate_id, version, event_id, envelope, staged_at.
    init(_ row: StatementRow) throws(StoreError) {
        self.init(
            position: try row.integer(0), aggregate: try row.aggregate(1), version: try row.version(3),
            eventID: try row.identity(4), stored: try row.bytes(5), stagedAt: try row.time(6))
    }
}

extension SQLiteTransaction {
    static let selectHead = """
        SELECT version, published_version, event_id, stream_sequence FROM tertib_head
        WHERE aggregate_type = ? AND aggregate_id = ?
        """
    private static let insertHead = """
        INSERT INTO tertib_head (version, published_version, event_id, stream_sequence, aggregate_type, aggregate_id)
        VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
        """
    /// A relay may have published since the head was read: what it has marked is never taken back.
    static let updateHead = """
        UPDATE tertib_head SET version = ?1, event_id = ?3,
            stream_sequence = iif(?2 >= published_version, ?4, stream_sequence),
            published_version = max(published_version, ?2)
        WHERE aggregate_type = ?5 AND aggregate_id = ?6 AND version = ?7
        """
    static let insertOutboxRow = """
        INSERT INTO tertib_outbox (aggregate_type, aggregate_id, version, event_id, envelope, staged_at, not_before)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, iif(
            EXISTS (
                SELECT 1 FROM tertib_outbox WHERE published_at IS NULL
                    AND aggregate_type = ?1 AND aggregate_id = ?2 AND version < ?3),
            NULL, ?7))
        """
    static let publishRow = """
        UPDATE tertib_outbox SET published_at = ?, stream_sequence = ? WHERE position = ? AND published_at IS NULL
        """
    static let moveHead = """
        UPDATE tertib_head SET published_version = ?, stream_sequence = ?
        WHERE aggregate_type = ? AND aggregate_id = ? AND published_version < ?
        """
    static let wakeNext = """
        UPDATE tertib_outbox SET not_before = ?3 WHERE not_before IS NULL AND position = (
            SELECT position FROM tertib_outbox WHERE published_at IS NULL AND aggregate_type = ?1 AND aggregate_id = ?2
            ORDER BY version LIMIT 1)
        """
    static let deletePublishedRows = """
        DELETE FROM tertib_outbox WHERE position IN (
            SELECT position FROM tertib_outbox WHERE published_at IS NOT NULL AND published_at < ?
            ORDER BY published_at LIMIT ?)
        """

    func head(of aggregate: Aggregate) throws -> AggregateHead? {
        try perform("read the head of \(aggregate)") {
            try runner.first(Self.selectHead, [aggregate.type.text, aggregate.id.text]) {
                try AggregateHead($0, of: aggregate)
            }
        }
    }

    func compareAndSetHead(_ expected: AggregateHead?, to head: AggregateHead) throws -> Bool {
        try perform("move the head of \(head.aggregate)") {
            let values: [any Bindable] = [
                head.version.number, head.publishedVersion.number, head.eventID?.text, head.streamSequence.column,
                head.aggregate.type.text, head.aggregate.id.text,
            ]
            guard let expected else { return try runner.execute(Self.insertHead, values) == 1 }
            return try runner.execute(Self.updateHead, values + [expected.version.number]) == 1
        }
    }

    func insertOutbox(_ row: OutboxRow) throws {
        try perform("stage version \(row.version) of \(row.aggregate)") {
            try runner.execute(
                Self.insertOutboxRow,
                [
                    row.aggregate.type.text, row.aggregate.id.text, row.version.number, row.eventID.text,
                    row.stored, row.stagedAt.description, Self.free,
                ])
        }
    }

    func markPublished(_ row: OutboxRow, at sequence: StreamSequence, now: Timestamp) throws {
        try perform("mark version \(row.version) of \(row.aggregate) as published") {
            let (type, id) = (row.aggregate.type.text, row.aggregate.id.text)
            try runner.execute(Self.publishRow, [now.description, sequence.column, row.position])
            try runner.execute(
                Self.moveHead, [row.version.number, sequence.column, type, id, row.version.number])
            try runner.execute(Self.wakeNext, [type, id, Self.free])
        }
    }

    func releaseOutbox(_ row: OutboxRow, notBefore time: Timestamp) throws {
        try perform("give version \(row.version) of \(row.aggregate) back") {
            try runner.execute(Self.postpone, [time.description, row.position])
        }
    }

    func deletePublished(before time: Timestamp, limit: Int) throws -> Int {
        try perform("delete published events") {
            try runner.execute(Self.deletePublishedRows, [time.description, limit])
        }
    }
}
