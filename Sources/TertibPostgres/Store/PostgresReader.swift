import TertibCore
import TertibRuntime
import TertibSQL

/// One snapshot of the database.
final class PostgresReader: TableSnapshot {
    let runner: StatementRunner
    private let clock: ServerClock
    /// A statement that failed has ended the snapshot: nothing can be read after it.
    private var failedStatement: StoreError?

    private init(_ runner: StatementRunner, _ clock: ServerClock) {
        self.runner = runner
        self.clock = clock
    }

    /// Runs `body` in a transaction that reads; the first statement takes the snapshot.
    static func run<Result>(
        on runner: StatementRunner, _ body: (any StoreReader) throws -> Result
    ) throws -> Result {
        let clock = try ServerClock.begin(runner, "REPEATABLE READ READ ONLY", attempted: "begin to read")
        // Nothing was written; a session that stays in its transaction is closed by the pool.
        defer { try? runner.run("ROLLBACK") }
        return try body(PostgresReader(runner, clock))
    }

    func now() throws -> Timestamp { clock.now }

    func outboxRows(ofEach aggregates: [Aggregate], limit: Int) throws -> [Aggregate: [OutboxRow]] {
        try perform("read the outbox") {
            let rows = try runner.rows(
                """
                SELECT o.* FROM unnest($1::text[], $2::text[]) AS w (aggregate_type, aggregate_id)
                CROSS JOIN LATERAL (
                    SELECT \(Tables.outbox.list()) FROM tertib_outbox AS own
                    WHERE own.published_at IS NULL
                        AND own.aggregate_type = w.aggregate_type AND own.aggregate_id = w.aggregate_id
                    ORDER BY own.version LIMIT $3) AS o
                """, over: Parameter.arrays(aggregates) + [Parameter(limit)]
            ) { try Tables.outbox.read($0) }
            return Dictionary(grouping: rows, by: \.aggregate).mapValues { $0.sorted { $0.version < $1.version } }
        }
    }

    func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow] {
        try perform("run a query", isOwn: false) {
            do {
                return try runner.query(user: sql, arguments: arguments)
            } catch let failure as ServerFailure where failure.state == "25006" {
                throw UserStatement.readOnly
            }
        }
    }

    func perform<Result>(_ attempted: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
        try perform(attempted(), isOwn: true, body)
    }

    private func perform<Result>(
        _ attempted: @autoclosure () -> String, isOwn: Bool, _ body: () throws -> Result
    ) throws -> Result {
        if let failedStatement { throw failedStatement }
        do {
            return try body()
        } catch {
            let failure = StoreError(wrapping: error, attempted: attempted(), isOwn: isOwn)
            if !runner.connection.isInTransaction { failedStatement = failure }
            throw failure
        }
    }
}
