import TertibRuntime
import TertibCore

/// What the sweeper asks for. Each query walks one partial index, so its cost is that of what it finds.
extension PostgresTransaction {
    private static let selectLeftovers = """
        SELECT m.aggregate_type, m.aggregate_id FROM tertib_watermark AS m
        WHERE m.consumer = $1 AND m.can_drain
            AND EXISTS (
                SELECT FROM tertib_parked AS p WHERE p.consumer = $1 AND p.aggregate_type = m.aggregate_type
                    AND p.aggregate_id = m.aggregate_id AND p.version = m.version + 1)
        ORDER BY m.aggregate_type, m.aggregate_id LIMIT $2
        """
    /// Those that are due come before those whose time is too far away.
    private static let selectDueRetries = """
        (\(dueRetries("p.next_attempt_at <= $2")))
        UNION ALL
        (\(dueRetries("p.next_attempt_at > $3")))
        LIMIT $4
        """
    private static let selectGaps = """
        SELECT m.aggregate_type, m.aggregate_id, m.version, p.version, p.envelope, m.oldest_parked_at, m.stream_sequence
        FROM tertib_watermark AS m
        JOIN tertib_parked AS p ON p.consumer = m.consumer AND p.aggregate_type = m.aggregate_type
            AND p.aggregate_id = m.aggregate_id AND p.version = m.lowest_parked
        WHERE m.consumer = $1 AND m.oldest_parked_at < $2 AND m.has_gap
        ORDER BY m.oldest_parked_at LIMIT $3
        """

    private static func dueRetries(_ condition: StaticString) -> String {
        """
        SELECT p.aggregate_type, p.aggregate_id FROM tertib_parked AS p
        WHERE p.consumer = $1 AND p.next_attempt_at IS NOT NULL AND \(condition)
            AND p.reason IN ('retry', 'newerRevision')
            AND EXISTS (
                SELECT FROM tertib_watermark AS m WHERE m.consumer = $1 AND m.aggregate_type = p.aggregate_type
                    AND m.aggregate_id = p.aggregate_id AND m.status = 'retrying')
        ORDER BY p.next_attempt_at LIMIT $4
        """
    }

    func leftoverDrains(_ consumer: ConsumerName, limit: Int) throws -> [Aggregate] {
        try perform("look for drains left over") {
            try runner.rows(Self.selectLeftovers, [.text(consumer.text), .bigint(limit)]) { try $0.aggregate(0) }
        }
    }

    func dueRetries(
        _ consumer: ConsumerName, now: Timestamp, maxDelay: Duration, limit: Int
    ) throws -> [Aggregate] {
        try perform("look for retries that are due") {
            try runner.rows(
                Self.selectDueRetries,
                [.text(consumer.text), .time(now), .time(now.advanced(by: maxDelay)), .bigint(limit)]
            ) { try $0.aggregate(0) }
        }
    }

    func gaps(_ consumer: ConsumerName, parkedBefore limitTime: Timestamp, limit: Int) throws -> [Gap] {
        try perform("look for gaps") {
            try runner.rows(Self.selectGaps, [.text(consumer.text), .time(limitTime), .bigint(limit)]) { row in
                Gap(
                    aggregate: try row.aggregate(0), watermark: try row.version(2),
                    watermarkSequence: try row.sequence(6), lowestParked: try row.version(3),
                    lowestStored: try row.bytes(4), oldestParkedAt: try row.time(5))
            }
        }
    }
}
