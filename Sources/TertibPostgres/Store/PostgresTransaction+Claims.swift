import TertibRuntime
import TertibCore

/// What a neighbour holds counts as lost, so that its slow handler stalls nobody: existing rows are locked in byte order
/// and those that are locked already are skipped; new rows are inserted in the same order under a short limit.
extension PostgresTransaction {
    /// How long to wait for a neighbour that is inserting the same row: most are about to commit.
    private static let firstWait: Duration = .milliseconds(40)
    /// And when it is looked for which row it is that has to be waited for.
    private static let searchWait: Duration = .milliseconds(3)
    /// How many waits in vain a claim may cost; what is left then counts as lost.
    private static let waits = 24

    /// How long a claim that has won nothing waits for the holder of its first row.
    private static let neighbourWait: Duration = .milliseconds(60)
    private static let touch = """
        SELECT revision FROM tertib_watermark
        WHERE consumer = $1 AND aggregate_type = $2 AND aggregate_id = $3 FOR KEY SHARE
        """

    /// A row that somebody has changed since the statement began is compared again once it is locked (EvalPlanQual), so
    /// that a row is won only in the version and revision that the caller has seen.
    private static let claimExisting = """
        WITH won AS MATERIALIZED (
            SELECT m.aggregate_type, m.aggregate_id FROM tertib_watermark AS m
            JOIN unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[])
                AS w (aggregate_type, aggregate_id, version, revision)
                ON m.aggregate_type = w.aggregate_type AND m.aggregate_id = w.aggregate_id
            WHERE m.consumer = $1 AND m.version = w.version AND m.revision = w.revision
            ORDER BY m.aggregate_type, m.aggregate_id
            FOR UPDATE OF m SKIP LOCKED)
        UPDATE tertib_watermark AS m SET revision = m.revision + 1, updated_at = clock_timestamp()
        FROM won WHERE m.consumer = $1
            AND m.aggregate_type = won.aggregate_type AND m.aggregate_id = won.aggregate_id
        RETURNING m.aggregate_type, m.aggregate_id, \(Watermark.columns)
        """
    private static let claimNew = """
        INSERT INTO tertib_watermark AS m (
            consumer, aggregate_type, aggregate_id, version, event_id, stream_sequence, parked, status, generation,
            revision, updated_at, lowest_parked, oldest_parked_at)
        SELECT $1, w.aggregate_type, w.aggregate_id, w.version, w.event_id, w.stream_sequence, w.parked, w.status,
            w.generation, 1, clock_timestamp(), p.lowest, p.oldest
        FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::text[],
            $9::bigint[]) AS w (
            aggregate_type, aggregate_id, version, event_id, stream_sequence, parked, status, generation)
        LEFT JOIN LATERAL (
            SELECT min(version) AS lowest, min(parked_at) AS oldest FROM tertib_parked
            WHERE consumer = $1 AND aggregate_type = w.aggregate_type AND aggregate_id = w.aggregate_id) AS p ON true
        ORDER BY w.aggregate_type COLLATE "C", w.aggregate_id COLLATE "C"
        ON CONFLICT DO NOTHING
        RETURNING m.aggregate_type, m.aggregate_id, \(Watermark.columns)
        """

    func claim(_ consumer: ConsumerName, _ expected: [Watermark]) throws -> [Aggregate: Watermark] {
        let sorted = expected.sorted { $0.aggregate < $1.aggregate }
        var won: [Watermark] = []
        let existing = sorted.filter(\.exists)
        if !existing.isEmpty {
            won += try perform("claim watermarks") {
                try runner.rows(
                    Self.claimExisting,
                    [.text(consumer.text)] + Parameter.keys(of: existing.map(\.aggregate)) + [
                        .bigints(existing.map(\.version.number)), .bigints(existing.map(\.revision)),
                    ]
                ) { try Watermark($0, of: $0.aggregate(0), from: 2) }
            }
        }
        let fresh = sorted.filter { !$0.exists }
        if won.isEmpty, fresh.isEmpty, let first = existing.first {
            try awaitNeighbour(consumer, at: first.aggregate)
            return [:]
        }
        var waits = Self.waits
        won += try insert(consumer, fresh[...], wait: Self.firstWait, waits: &waits)
        parkedKnowledge.claimed(consumer, won)
        return Dictionary(won.map { ($0.aggregate, $0) }) { first, _ in first }
    }

    /// Waits a moment for whoever holds a row, and lets it go again.
    ///
    /// A claim that wins nothing leaves its batch with nothing to do: asking again and again would only take the
    /// machine from the neighbour that has the rows.
    private func awaitNeighbour(_ consumer: ConsumerName, at aggregate: Aggregate) throws {
        try perform("wait for a neighbour") {
            try runner.run(
                "SAVEPOINT tertib_claim; SET LOCAL lock_timeout = \(Self.neighbourWait.wholeMilliseconds)")
            do {
                _ = try runner.first(Self.touch, [.text(consumer.text)] + Parameter.key(of: aggregate)) {
                    try $0.integer(0)
                }
            } catch let failure as ServerFailure where failure.state == "55P03" {
                // It goes on for longer; the rows count as lost all the same.
            }
            try runner.run("ROLLBACK TO SAVEPOINT tertib_claim; RELEASE SAVEPOINT tertib_claim")
        }
    }

    /// Inserts rows; when one of them has to be waited for, its half is tried again without it, and so on.
    private func insert(
        _ consumer: ConsumerName, _ rows: ArraySlice<Watermark>, wait: Duration, waits: inout Int
    ) throws -> [Watermark] {
        guard !rows.isEmpty, waits > 0 else { return [] }
        if let won = try insertUnderLimit(consumer, rows, wait: wait) { return won }
        waits -= 1
        guard rows.count > 1 else { return [] }
        let middle = rows.startIndex + rows.count / 2
        let lower = try insert(consumer, rows[..<middle], wait: Self.searchWait, waits: &waits)
        return try lower + insert(consumer, rows[middle...], wait: Self.searchWait, waits: &waits)
    }

    /// - Returns: the rows won; `nil` when a neighbour is inserting one of them, and nothing was inserted.
    private func insertUnderLimit(
        _ consumer: ConsumerName, _ rows: ArraySlice<Watermark>, wait: Duration
    ) throws -> [Watermark]? {
        try perform("claim new watermarks") {
            try runner.run(
                "SAVEPOINT tertib_claim; SET LOCAL lock_timeout = \(wait.wholeMilliseconds)")
            do {
                let won = try runner.rows(
                    Self.claimNew,
                    [.text(consumer.text)] + Parameter.keys(of: rows.map(\.aggregate)) + [
                        .bigints(rows.map(\.version.number)), .texts(rows.map { $0.eventID?.text }),
                        .bigints(rows.map(\.streamSequence.column)), .bigints(rows.map { Int64($0.parked) }),
                        .texts(rows.map(\.status.rawValue)), .bigints(rows.map { Int64($0.generation) }),
                    ]
                ) { try Watermark($0, of: $0.aggregate(0), from: 2) }
                try runner.run(
                    "RELEASE SAVEPOINT tertib_claim; "
                        + "SET LOCAL lock_timeout = \(runner.options.lockTimeout.wholeMilliseconds)")
                return won
            } catch let failure as ServerFailure where failure.state == "55P03" {
                // The limit is the savepoint's, too, and goes back with it.
                try runner.run("ROLLBACK TO SAVEPOINT tertib_claim; RELEASE SAVEPOINT tertib_claim")
                return nil
            }
        }
    }
}
