import TertibCore
import TertibRuntime
import TertibSQL

/// Watermarks, many at once.
///
/// In a claim, a row that another transaction holds counts as lost, so that its slow handler stalls no other replica:
/// existing rows are locked in byte order and those that are locked already are skipped; new rows are inserted in the
/// same order under a short limit.
extension PostgresTransaction {
    /// How long to wait for a transaction that is inserting the same row: most are about to commit.
    private static let firstWait: Duration = .milliseconds(40)
    /// The same while searching for the row that has to be waited for.
    private static let searchWait: Duration = .milliseconds(3)
    /// The number of waits in vain that a claim may cost; the rows that are left then count as lost.
    private static let waits = 24

    /// How long a claim that has won nothing waits for the holder of its first row.
    private static let holderWait: Duration = .milliseconds(60)
    private static let touch = """
        SELECT revision FROM tertib_watermark
        WHERE consumer = $1 AND aggregate_type = $2 AND aggregate_id = $3 FOR KEY SHARE
        """

    /// A row that was changed since the statement began is compared again once it is locked (EvalPlanQual), so that a row
    /// is won only in the version and revision that the caller has seen.
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
        RETURNING \(Tables.watermark.list("m"))
        """
    private static let claimNew = """
        INSERT INTO tertib_watermark AS m (
            consumer, updated_at, \(Tables.watermark.list()), lowest_parked, oldest_parked_at)
        SELECT $1, clock_timestamp(), \(Tables.watermark.list("w")), p.lowest, p.oldest
        FROM \(Tables.watermark.unnest(from: 2))
        LEFT JOIN LATERAL (
            SELECT min(version) AS lowest, min(parked_at) AS oldest FROM tertib_parked
            WHERE consumer = $1 AND aggregate_type = w.aggregate_type AND aggregate_id = w.aggregate_id) AS p ON true
        ORDER BY w.aggregate_type COLLATE "C", w.aggregate_id COLLATE "C"
        ON CONFLICT DO NOTHING
        RETURNING \(Tables.watermark.list("m"))
        """
    private static let selectWatermarks = """
        SELECT \(Tables.watermark.list("m")) FROM unnest($2::text[], $3::text[]) AS w (aggregate_type, aggregate_id)
        JOIN tertib_watermark AS m ON m.consumer = $1
            AND m.aggregate_type = w.aggregate_type AND m.aggregate_id = w.aggregate_id
        """
    /// The revision stays as the claim has set it.
    private static let writeWatermarks = """
        UPDATE tertib_watermark AS m SET updated_at = clock_timestamp(),
            \(Tables.watermark.assignments(keeping: ["revision"]) { "w.\($1)" })
        FROM \(Tables.watermark.unnest(from: 2))
        WHERE m.consumer = $1 AND m.aggregate_type = w.aggregate_type AND m.aggregate_id = w.aggregate_id
        """

    func watermarks(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [Aggregate: Watermark] {
        guard !aggregates.isEmpty else { return [:] }
        return try perform("read watermarks") {
            let rows = try runner.rows(
                Self.selectWatermarks, over: [Parameter(consumer)] + Parameter.arrays(aggregates)
            ) { try Tables.watermark.read($0) }
            return Dictionary(rows.map { ($0.aggregate, $0) }) { first, _ in first }
        }
    }

    func write(_ consumer: ConsumerName, _ watermarks: [Watermark]) throws {
        guard !watermarks.isEmpty else { return }
        try perform("write watermarks") {
            let changed = try runner.execute(
                Self.writeWatermarks,
                over: [Parameter(consumer)] + Parameter.arrays(watermarks, of: Tables.watermark))
            guard changed == Set(watermarks.map(\.aggregate)).count else {
                throw StoreError(
                    .corrupt, attempted: "write watermarks", reason: "a row that was claimed is gone",
                    advice: "A handler has deleted it inside this transaction.")
            }
        }
    }

    func claim(_ consumer: ConsumerName, _ expected: [Watermark]) throws -> [Aggregate: Watermark] {
        let sorted = expected.sorted { $0.aggregate < $1.aggregate }
        var won: [Watermark] = []
        let existing = sorted.filter(\.exists)
        if !existing.isEmpty {
            won += try perform("claim watermarks") {
                try runner.rows(
                    Self.claimExisting,
                    over: [Parameter(consumer)] + Parameter.arrays(existing.map(\.aggregate))
                        + Parameter.arrays(existing.map(\.version)) + Parameter.arrays(existing.map(\.revision))
                ) { try Tables.watermark.read($0) }
            }
        }
        let fresh = sorted.filter { !$0.exists }
        if won.isEmpty, fresh.isEmpty, let first = existing.first {
            try awaitHolder(consumer, at: first.aggregate)
            return [:]
        }
        var waits = Self.waits
        won += try insert(consumer, fresh[...], wait: Self.firstWait, waits: &waits)
        parkedKnowledge.claimed(consumer, won)
        return Dictionary(won.map { ($0.aggregate, $0) }) { first, _ in first }
    }

    /// Waits a moment for the transaction that holds a row, and releases the row again.
    ///
    /// A claim that wins nothing leaves its batch with nothing to do: asking again and again would only take the
    /// machine from the replica that has the rows.
    private func awaitHolder(_ consumer: ConsumerName, at aggregate: Aggregate) throws {
        try perform("wait for another transaction") {
            try runner.run(
                "SAVEPOINT tertib_claim; SET LOCAL lock_timeout = \(Self.holderWait.wholeMilliseconds)")
            do {
                _ = try runner.count(Self.touch, cells(consumer, aggregate))
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

    /// - Returns: the rows won; `nil` when another transaction is inserting one of them, and nothing was inserted.
    private func insertUnderLimit(
        _ consumer: ConsumerName, _ rows: ArraySlice<Watermark>, wait: Duration
    ) throws -> [Watermark]? {
        let fresh = rows.map { row in
            var row = row
            row.revision = 1
            return row
        }
        return try perform("claim new watermarks") {
            try runner.run(
                "SAVEPOINT tertib_claim; SET LOCAL lock_timeout = \(wait.wholeMilliseconds)")
            do {
                let won = try runner.rows(
                    Self.claimNew,
                    over: [Parameter(consumer)] + Parameter.arrays(fresh, of: Tables.watermark)
                ) { try Tables.watermark.read($0) }
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
