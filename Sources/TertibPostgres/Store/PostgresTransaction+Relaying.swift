import TertibRuntime
import TertibCore

extension PostgresTransaction {
    /// The `not_before` of a row that nobody has taken yet: the start of time, so that no clock can hold it back.
    static let free = Timestamp(microseconds: 0)
    /// A row that is held for longer than this was held under a clock that was wrong, and is free.
    private static let longestHold: Duration = .seconds(120)

    /// What was taken or given back before comes first, else a steady flow of new rows would starve it; then what is
    /// new; then what a wrong clock holds. What another relay is taking at this moment is skipped, and does not count.
    private static let takeRows = """
        WITH postponed AS MATERIALIZED (
            \(claimable("o.not_before > $1 AND o.not_before <= $2")) LIMIT $5 FOR UPDATE OF o SKIP LOCKED),
        fresh AS MATERIALIZED (
            \(claimable("o.not_before <= $1")) LIMIT $5 - (SELECT count(*) FROM postponed)
            FOR UPDATE OF o SKIP LOCKED),
        wrong AS MATERIALIZED (
            \(claimable("o.not_before > $3"))
            LIMIT $5 - (SELECT count(*) FROM postponed) - (SELECT count(*) FROM fresh) FOR UPDATE OF o SKIP LOCKED),
        taken AS (
            UPDATE tertib_outbox AS o SET not_before = $4
            WHERE position IN (
                SELECT position FROM postponed UNION ALL SELECT position FROM fresh
                UNION ALL SELECT position FROM wrong)
            RETURNING o.*)
        SELECT o.position, o.aggregate_type, o.aggregate_id, o.version, o.event_id, o.envelope, o.staged_at,
            head.version, head.published_version, head.event_id, head.stream_sequence
        FROM taken AS o LEFT JOIN tertib_head AS head
            ON head.aggregate_type = o.aggregate_type AND head.aggregate_id = o.aggregate_id
        ORDER BY o.position
        """

    private static func claimable(_ condition: StaticString) -> String {
        """
        SELECT o.position FROM tertib_outbox AS o
            WHERE o.published_at IS NULL AND o.not_before IS NOT NULL AND \(condition)
                AND NOT EXISTS (
                    SELECT FROM tertib_outbox AS lower WHERE lower.published_at IS NULL
                        AND lower.aggregate_type = o.aggregate_type AND lower.aggregate_id = o.aggregate_id
                        AND lower.version < o.version)
            ORDER BY o.not_before, o.position
        """
    }

    func claimOutbox(now: Timestamp, lease: Duration, limit: Int) throws -> [OutboxClaim] {
        try perform("claim staged events") {
            try runner.rows(
                Self.takeRows,
                [
                    .time(Self.free), .time(now), .time(now.advanced(by: max(Self.longestHold, lease))),
                    .time(now.advanced(by: lease)), .bigint(limit),
                ]
            ) { row in
                let staged = try OutboxRow(row)
                let head =
                    row.isNull(7)
                    ? AggregateHead(aggregate: staged.aggregate)
                    : try AggregateHead(row, of: staged.aggregate, from: 7)
                return OutboxClaim(row: staged, head: head)
            }
        }
    }
}
