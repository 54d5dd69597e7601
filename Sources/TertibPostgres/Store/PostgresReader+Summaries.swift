import TertibRuntime
import TertibCore

extension PostgresReader {
    func summary(_ consumer: ConsumerName, stuckBefore: Timestamp) throws -> ConsumerSummary {
        try perform("count what the consumer \(consumer) has") {
            var summary = ConsumerSummary(
                aggregates: 0, parked: 0, oldestParkedAt: nil, stuck: 0, behind: 0, deadLetters: 0, quarantined: 0)
            _ = try runner.first(
                """
                SELECT count(*),
                    count(*) FILTER (WHERE status = 'stuck' OR has_gap AND oldest_parked_at < $2),
                    count(behind_version),
                    count(*) FILTER (WHERE status = 'quarantined')
                FROM tertib_watermark WHERE consumer = $1
                """, [.text(consumer.text), .time(stuckBefore)]
            ) { row in
                summary.aggregates = Int(try row.integer(0))
                summary.stuck = Int(try row.integer(1))
                summary.behind = Int(try row.integer(2))
                summary.quarantined = Int(try row.integer(3))
            }
            _ = try runner.first(
                "SELECT count(*), min(parked_at) FROM tertib_parked WHERE consumer = $1", [.text(consumer.text)]
            ) { row in
                summary.parked = Int(try row.integer(0))
                summary.oldestParkedAt = try row.optionalTime(1)
            }
            _ = try runner.first(
                "SELECT count(*) FROM tertib_dead_letter WHERE consumer = $1 AND resolution IS NULL",
                [.text(consumer.text)]
            ) { summary.deadLetters = Int(try $0.integer(0)) }
            return summary
        }
    }

    func deadLetters(_ consumer: ConsumerName, of aggregate: Aggregate?, limit: Int) throws -> [DeadLetter] {
        try perform("read the dead letters") {
            guard let aggregate else {
                return try runner.rows(
                    """
                    SELECT \(DeadLetter.columns) FROM tertib_dead_letter WHERE consumer = $1 AND resolution IS NULL
                    ORDER BY last_failed_at DESC, stream_sequence DESC LIMIT $2
                    """, [.text(consumer.text), .bigint(limit)], DeadLetter.init)
            }
            return try runner.rows(
                """
                SELECT \(DeadLetter.columns) FROM tertib_dead_letter
                WHERE consumer = $1 AND resolution IS NULL AND aggregate_type = $2 AND aggregate_id = $3
                ORDER BY last_failed_at DESC, stream_sequence DESC LIMIT $4
                """, [.text(consumer.text)] + Parameter.key(of: aggregate) + [.bigint(limit)], DeadLetter.init)
        }
    }

    func outboxSummary() throws -> OutboxSummary {
        try perform("count the outbox") {
            try runner.first("SELECT count(*), min(staged_at) FROM tertib_outbox WHERE published_at IS NULL") {
                OutboxSummary(rows: Int(try $0.integer(0)), oldestStagedAt: try $0.optionalTime(1))
            } ?? OutboxSummary(rows: 0, oldestStagedAt: nil)
        }
    }

    func outboxRows(of aggregate: Aggregate?, limit: Int) throws -> [OutboxRow] {
        try perform("read the outbox") {
            guard let aggregate else {
                return try runner.rows(
                    """
                    SELECT \(OutboxRow.columns) FROM tertib_outbox WHERE published_at IS NULL
                    ORDER BY position LIMIT $1
                    """, [.bigint(limit)], OutboxRow.init)
            }
            // An aggregate's events are staged one after the other, so that versions and positions rise together.
            return try runner.rows(
                """
                SELECT \(OutboxRow.columns) FROM tertib_outbox
                WHERE published_at IS NULL AND aggregate_type = $1 AND aggregate_id = $2 ORDER BY version LIMIT $3
                """, Parameter.key(of: aggregate) + [.bigint(limit)], OutboxRow.init)
        }
    }

    func outboxRows(ofEach aggregates: [Aggregate], limit: Int) throws -> [Aggregate: [OutboxRow]] {
        try perform("read the outbox") {
            let rows = try runner.rows(
                """
                SELECT o.* FROM unnest($1::text[], $2::text[]) AS w (aggregate_type, aggregate_id)
                CROSS JOIN LATERAL (
                    SELECT \(OutboxRow.columns) FROM tertib_outbox AS own
                    WHERE own.published_at IS NULL
                        AND own.aggregate_type = w.aggregate_type AND own.aggregate_id = w.aggregate_id
                    ORDER BY own.version LIMIT $3) AS o
                """, Parameter.keys(of: aggregates) + [.bigint(limit)], OutboxRow.init)
            return Dictionary(grouping: rows, by: \.aggregate).mapValues { $0.sorted { $0.version < $1.version } }
        }
    }

    func head(of aggregate: Aggregate) throws -> AggregateHead? {
        try perform("read the head of \(aggregate)") {
            try runner.first(PostgresTransaction.selectHead, Parameter.key(of: aggregate)) {
                try AggregateHead($0, of: aggregate)
            }
        }
    }
}

extension OutboxRow {
    /// The columns that ``init(_:)`` reads, in its order.
    fileprivate static let columns = "position, aggregate_type, aggregate_id, version, event_id, envelope, staged_at"
}

extension DeadLetter {
    /// The columns that ``init(_:)`` reads, in its order.
    fileprivate static let columns = """
        id, aggregate_type, aggregate_id, version, event_id, stream_created_at, stream_sequence, subject, headers, body,
        reason, error, attempts, first_failed_at, last_failed_at
        """

    fileprivate init(_ row: ResultRow) throws(StoreError) {
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
