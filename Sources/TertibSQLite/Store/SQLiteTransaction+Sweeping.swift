import TertibRuntime
import TertibCore

/// What the sweeper asks for. Each query walks one partial index, so its cost is that of what it finds.
extension SQLiteTransaction {
    static let selectLeftovers = """
        SELECT aggregate_type, aggregate_id FROM tertib_watermark AS watermark INDEXED BY tertib_watermark_drain
        WHERE consumer = ?1 AND lowest_parked <= version + 1 AND status IN ('ok', 'gap')
            AND EXISTS (
                SELECT 1 FROM tertib_parked AS parked
                WHERE parked.consumer = ?1 AND parked.aggregate_type = watermark.aggregate_type
                    AND parked.aggregate_id = watermark.aggregate_id AND parked.version = watermark.version + 1)
        ORDER BY aggregate_type, aggregate_id LIMIT ?2
        """
    static let selectDueRetries = """
        SELECT aggregate_type, aggregate_id FROM tertib_parked AS parked
        WHERE consumer = ? AND next_attempt_at IS NOT NULL AND next_attempt_at > ? AND next_attempt_at <= ?
            AND reason IN ('retry', 'newerRevision')
            AND EXISTS (
                SELECT 1 FROM tertib_watermark AS watermark
                WHERE watermark.consumer = parked.consumer AND watermark.aggregate_type = parked.aggregate_type
                    AND watermark.aggregate_id = parked.aggregate_id AND watermark.status = 'retrying')
        ORDER BY next_attempt_at LIMIT ?
        """
    static let selectGaps = """
        SELECT watermark.aggregate_type, watermark.aggregate_id, watermark.version, parked.version, parked.envelope,
            watermark.oldest_parked_at, watermark.stream_sequence
        FROM tertib_watermark AS watermark
        CROSS JOIN tertib_parked AS parked ON parked.consumer = watermark.consumer
            AND parked.aggregate_type = watermark.aggregate_type AND parked.aggregate_id = watermark.aggregate_id
            AND parked.version = watermark.lowest_parked
        WHERE watermark.consumer = ?1 AND watermark.oldest_parked_at < ?2
            AND watermark.lowest_parked > watermark.version + 1 AND watermark.status IN ('ok', 'gap', 'stuck')
        ORDER BY watermark.oldest_parked_at LIMIT ?3
        """

    func leftoverDrains(_ consumer: ConsumerName, limit: Int) throws -> [Aggregate] {
        try perform("look for drains left over") {
            try runner.rows(Self.selectLeftovers, [consumer.text, limit]) { try $0.aggregate(0) }
        }
    }

    func dueRetries(
        _ consumer: ConsumerName, now: Timestamp, maxDelay: Duration, limit: Int
    ) throws -> [Aggregate] {
        try perform("look for retries that are due") {
            let farthest = now.advanced(by: maxDelay)
            let due = try retries(consumer, after: "", through: now.description, limit: limit)
            let wrong = try retries(
                consumer, after: farthest.description, through: Self.endOfTime, limit: limit - due.count)
            return due + wrong
        }
    }

    private func retries(
        _ consumer: ConsumerName, after start: String, through end: String, limit: Int
    ) throws -> [Aggregate] {
        guard limit > 0 else { return [] }
        return try runner.rows(Self.selectDueRetries, [consumer.text, start, end, limit]) { try $0.aggregate(0) }
    }

    func gaps(_ consumer: ConsumerName, parkedBefore limitTime: Timestamp, limit: Int) throws -> [Gap] {
        try perform("look for gaps") {
            try runner.rows(Self.selectGaps, [consumer.text, limitTime.description, limit]) { row in
                Gap(
                    aggregate: try row.aggregate(0), watermark: try row.version(2),
                    watermarkSequence: try row.sequence(6), lowestParked: try row.version(3),
                    lowestStored: try row.bytes(4), oldestParkedAt: try row.time(5))
            }
        }
    }
}
