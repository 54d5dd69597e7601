import TertibRuntime
import TertibCore

extension SQLiteReader {
    func summary(_ consumer: ConsumerName, stuckBefore: Timestamp) throws -> ConsumerSummary {
        try perform("count what the consumer \(consumer) has") {
            var summary = ConsumerSummary(
                aggregates: 0, parked: 0, oldestParkedAt: nil, stuck: 0, behind: 0, deadLetters: 0, quarantined: 0)
            _ = try runner.first(
                """
                SELECT count(*),
                    count(*) FILTER (
                        WHERE status = 'stuck' OR status IN ('ok', 'gap') AND lowest_parked > version + 1
                            AND oldest_parked_at < ?2),
                    count(behind_version),
                    count(*) FILTER (WHERE status = 'quarantined')
                FROM tertib_watermark WHERE consumer = ?1
                """, [consumer.text, stuckBefore.description]
            ) { row in
                summary.aggregates = Int(try row.integer(0))
                summary.stuck = Int(try row.integer(1))
                summary.behind = Int(try row.integer(2))
                summary.quarantined = Int(try row.integer(3))
            }
            _ = try runner.first(
                "SELECT count(*), min(parked_at) FROM tertib_parked WHERE consumer = ?", [consumer.text]
            ) { row in
                summary.parked = Int(try row.integer(0))
                summary.oldestParkedAt = try row.optionalTime(1)
            }
            _ = try runner.first(
                "SELECT count(*) FROM tertib_dead_letter WHERE consumer = ? AND resolution IS NULL", [consumer.text]
            ) { summary.deadLetters = Int(try $0.integer(0)) }
            return summary
        }
    }

    func deadLetters(_ consumer: ConsumerName, of aggregate: Aggregate?, limit: Int) throws -> [DeadLetter] {
        try perform("read the dead letters") {
            guard let aggregate else {
                return try runner.rows(
                    """
                    SELECT \(DeadLetter.columns) FROM tertib_dead_letter WHERE consumer = ? AND resolution IS NULL
                    ORDER BY last_failed_at DESC, stream_sequence DESC LIMIT ?
                    """, [consumer.text, limit], DeadLetter.init)
            }
            return try runner.rows(
                """
                SELECT \(DeadLetter.columns) FROM tertib_dead_letter
                WHERE consumer = ? AND resolution IS NULL AND aggregate_type = ? AND aggregate_id = ?
                ORDER BY last_failed_at DESC, stream_sequence DESC LIMIT ?
                """, [consumer.text, aggregate.type.text, aggregate.id.text, limit], DeadLetter.init)
        }
    }

    func outboxSummary() throws -> OutboxSummary {
        try perform("count the outbox") {
            try runner.first("SELECT count(*), min(staged_at) FROM tertib_outbox WHERE published_at IS NULL", []) {
                OutboxSummary(rows: Int(try $0.integer(0)), oldestStagedAt: try $0.optionalTime(1))
            } ?? OutboxSummary(rows: 0, oldestStagedAt: nil)
        }
    }

    func outboxRows(of aggregate: Aggregate?, limit: Int) throws -> [OutboxRow] {
        try perform("read the outbox") {
            let columns = "position, aggregate_type, aggregate_id, version, event_id, envelope, staged_at"
            guard let aggregate else {
                return try runner.rows(
                    "SELECT \(columns) FROM tertib_outbox WHERE published_at IS NULL ORDER BY position LIMIT ?",
                    [limit], OutboxRow.init)
            }
            // An aggregate's events are staged one after the other, so that versions and positions rise together.
            return try runner.rows(
                """
                SELECT \(columns) FROM tertib_outbox
                WHERE published_at IS NULL AND aggregate_type = ? AND aggregate_id = ? ORDER BY version LIMIT ?
                """, [aggregate.type.text, aggregate.id.text, limit], OutboxRow.init)
        }
    }

    func head(of aggregate: Aggregate) throws -> AggregateHead? {
        try perform("read the head of \(aggregate)") {
            try runner.first(SQLiteTransaction.selectHead, [aggregate.type.text, aggregate.id.text]) {
                try AggregateHead($0, of: aggregate)
            }
        }
    }
}

extension DeadLetter {
    /// The columns that ``init(_:)`` reads, in its order.
    fileprivate static let columns = """
        id, aggregate_type, aggregate_id, version, event_id, stream_created_at, stream_sequence, subject, headers, body,
        reason, error, attempts, first_failed_at, last_failed_at
        """

    fileprivate init(_ row: StatementRow) throws(StoreError) {
        let hasAggregate = !row.isNull(1)
        self.init(
            id: try row.text(0), aggregate: hasAggregate ? try row.aggregate(1) : nil,
            version: try row.optionalVersion(3), eventID: try row.optionalIdentity(4),
            streamCreatedAt: try row.time(5), streamSequence: try row.sequence(6),
            message: WireMessage(subject: try row.text(7), body: try row.bytes(9)), reason: try row.word(10),
            error: try row.text(11), attempts: Int(try row.integer(12)), failedAt: try row.time(13))
        headers = try row.bytes(8)
        lastFailedAt = try row.time(14)
    }
}
