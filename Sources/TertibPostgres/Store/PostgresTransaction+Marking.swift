import TertibRuntime
import TertibCore

/// What a relay has to say about the rows that it took, collected until the transaction does something else or commits:
/// a relay says it about a thousand rows in a row, and nobody waits for an answer.
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

extension PostgresTransaction {
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

    /// Writes what was collected.
    func write(_ marks: PendingMarks) throws {
        if !marks.published.isEmpty { try write(published: marks.published) }
        if !marks.released.isEmpty {
            try runner.execute(
                Self.postpone, [.bigints(marks.released.map(\.position)), .times(marks.released.map(\.notBefore))])
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
        let keys = Parameter.keys(of: highest.map(\.row.aggregate))
        _ = try runner.rows(Self.lockHeads, keys) { try $0.integer(0) }
        try runner.execute(
            Self.moveHeads,
            keys + [.bigints(highest.map(\.row.version.number)), .bigints(highest.map(\.sequence.column))])
        try runner.execute(
            Self.publishRows,
            [
                .bigints(marks.map(\.row.position)), .times(marks.map(\.time)), .bigints(marks.map(\.sequence.column)),
            ])
        try runner.execute(Self.wakeNext, keys + [.time(Self.free)])
    }
}
