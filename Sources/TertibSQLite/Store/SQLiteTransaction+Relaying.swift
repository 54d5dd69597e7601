import TertibRuntime
import TertibCore

extension SQLiteTransaction {
    /// The `not_before` of a row that nobody has taken yet: the start of time, so that no clock can hold it back.
    static let free = Timestamp(microseconds: 0).description
    /// Sorts behind every time.
    static let endOfTime = "9999-12-31T23:59:59.999999Z"
    /// A row that is held for longer than this was held under a clock that was wrong, and is free: the relay holds none
    /// for longer than a minute.
    private static let longestHold: Duration = .seconds(120)

    static let postpone = """
        UPDATE tertib_outbox SET not_before = ? WHERE position = ? AND published_at IS NULL
        """
    static let selectClaimable = """
        SELECT outbox.position, outbox.aggregate_type, outbox.aggregate_id, outbox.version, outbox.event_id,
            outbox.envelope, outbox.staged_at, head.version, head.published_version, head.event_id,
            head.stream_sequence
        FROM tertib_outbox AS outbox LEFT JOIN tertib_head AS head
            ON head.aggregate_type = outbox.aggregate_type AND head.aggregate_id = outbox.aggregate_id
        WHERE outbox.published_at IS NULL AND outbox.not_before IS NOT NULL
            AND outbox.not_before > ?1 AND outbox.not_before <= ?2
            AND NOT EXISTS (
                SELECT 1 FROM tertib_outbox AS lower WHERE lower.published_at IS NULL
                    AND lower.aggregate_type = outbox.aggregate_type AND lower.aggregate_id = outbox.aggregate_id
                    AND lower.version < outbox.version)
        ORDER BY outbox.not_before, outbox.position LIMIT ?3
        """

    func claimOutbox(now: Timestamp, lease: Duration, limit: Int) throws -> [OutboxClaim] {
        try perform("claim staged events") {
            let wrong = now.advanced(by: max(Self.longestHold, lease)).description
            // What was taken or given back before comes first, else a steady flow of new rows would starve it.
            var claims = try claimable(after: Self.free, through: now.description, limit: limit)
            claims += try claimable(after: "", through: Self.free, limit: limit - claims.count)
            claims += try claimable(after: wrong, through: Self.endOfTime, limit: limit - claims.count)
            let end = now.advanced(by: lease).description
            for claim in claims { try runner.execute(Self.postpone, [end, claim.row.position]) }
            return claims
        }
    }

    private func claimable(after start: String, through end: String, limit: Int) throws -> [OutboxClaim] {
        guard limit > 0 else { return [] }
        return try runner.rows(Self.selectClaimable, [start, end, limit]) { row in
            let staged = try OutboxRow(row)
            let hasHead = !row.isNull(7)
            let head =
                hasHead
                ? try AggregateHead(row, of: staged.aggregate, from: 7) : AggregateHead(aggregate: staged.aggregate)
            return OutboxClaim(row: staged, head: head)
        }
    }
}
