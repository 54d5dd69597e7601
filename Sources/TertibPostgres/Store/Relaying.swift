import TertibCore
import TertibRuntime
import TertibSQL

/// The relay's side: rows are taken and marked many at once.
extension PostgresTransaction {
    /// Rows that were taken or given back before come first, else a steady flow of new rows would starve them; then new
    /// rows; then those that a wrong clock holds. Rows that another relay is taking at this moment are skipped, and do
    /// not count.
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
        SELECT \(Tables.outbox.list("o")), \(Tables.head.list("head"))
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
                cells(
                    Timestamp.untaken, now, now.advanced(by: max(.longestHold, lease)), now.advanced(by: lease), limit)
            ) { try OutboxClaim($0) }
        }
    }

    /// In byte order, so that two relays, or a relay and a handler that stages, do not wait for each other.
    private static let lockHeads = """
        SELECT h.version FROM tertib_head AS h
        JOIN unnest($1::text[], $2::text[]) AS w (aggregate_type, aggregate_id)
            ON h.aggregate_type = w.aggregate_type AND h.aggregate_id = w.aggregate_id
        ORDER BY h.aggregate_type, h.aggregate_id FOR UPDATE OF h
        """
    private static let moveHeads = """
        UPDATE tertib_head AS h SET published_version = w.version, stream_sequence = w.stream_sequence
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
            AS w (aggregate_type, aggregate_id, version, stream_sequence)
        WHERE h.aggregate_type = w.aggregate_type AND h.aggregate_id = w.aggregate_id
            AND h.published_version < w.version
        """
    private static let publishRows = """
        UPDATE tertib_outbox AS o SET published_at = w.published_at, stream_sequence = w.stream_sequence
        FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[]) AS w (position, published_at, stream_sequence)
        WHERE o.position = w.position AND o.published_at IS NULL
        """
    private static let wakeNext = """
        UPDATE tertib_outbox AS o SET not_before = $3
        FROM unnest($1::text[], $2::text[]) AS w (aggregate_type, aggregate_id)
        CROSS JOIN LATERAL (
            SELECT position FROM tertib_outbox AS lowest WHERE lowest.published_at IS NULL
                AND lowest.aggregate_type = w.aggregate_type AND lowest.aggregate_id = w.aggregate_id
            ORDER BY lowest.version LIMIT 1) AS next
        WHERE o.position = next.position AND o.not_before IS NULL
        """
    private static let postpone = """
        UPDATE tertib_outbox AS o SET not_before = w.not_before
        FROM unnest($1::bigint[], $2::timestamptz[]) AS w (position, not_before)
        WHERE o.position = w.position AND o.published_at IS NULL
        """

    func markPublished(_ row: OutboxRow, at sequence: StreamSequence, now: Timestamp) throws {
        pendingMarks.published.append(.init(row: row, sequence: sequence, time: now))
    }

    func releaseOutbox(_ row: OutboxRow, notBefore time: Timestamp) throws {
        pendingMarks.released.append((row.position, time))
    }

    /// Writes the collected marks.
    func write(_ marks: PendingMarks) throws {
        if !marks.published.isEmpty { try write(published: marks.published) }
        if !marks.released.isEmpty {
            try runner.execute(
                Self.postpone,
                over: Parameter.arrays(marks.released.map(\.position))
                    + Parameter.arrays(marks.released.map(\.notBefore)))
        }
    }

    private func write(published marks: [PendingMarks.Published]) throws {
        // Of an aggregate's several rows the highest moves its head.
        var heads: [Aggregate: PendingMarks.Published] = [:]
        for mark in marks {
            if let known = heads[mark.row.aggregate], known.row.version >= mark.row.version { continue }
            heads[mark.row.aggregate] = mark
        }
        let highest = heads.values.sorted { $0.row.aggregate < $1.row.aggregate }
        let keys = Parameter.arrays(highest.map(\.row.aggregate))
        _ = try runner.rows(Self.lockHeads, over: keys) { try $0.integer(0) }
        try runner.execute(
            Self.moveHeads,
            over: keys + Parameter.arrays(highest.map(\.row.version)) + Parameter.arrays(highest.map(\.sequence)))
        try runner.execute(
            Self.publishRows,
            over: Parameter.arrays(marks.map(\.row.position)) + Parameter.arrays(marks.map(\.time))
                + Parameter.arrays(marks.map(\.sequence)))
        try runner.execute(Self.wakeNext, over: keys + [Parameter(Timestamp.untaken)])
    }

    func stage(_ sql: String, _ cells: [Cell], version: AggregateVersion, of aggregate: Aggregate) throws {
        try runner.enqueue(sql, cells, for: .staging(version, aggregate))
        hasStaged = true
    }
}

/// The rows that a relay has marked as published or given back, collected until the transaction does something else or
/// commits: a relay marks a thousand rows in a row, and waits for no answer.
struct PendingMarks {
    struct Published {
        let row: OutboxRow
        let sequence: StreamSequence
        let time: Timestamp
    }

    var published: [Published] = []
    var released: [(position: Int64, notBefore: Timestamp)] = []

    var isEmpty: Bool { published.isEmpty && released.isEmpty }
}
