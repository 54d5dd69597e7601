import TertibRuntime
import TertibCore

/// One snapshot of the database.
final class PostgresReader: StoreReader {
    let runner: StatementRunner
    private let beganAt: (server: Timestamp, here: ContinuousClock.Instant)
    /// A statement that failed has ended the snapshot: nothing can be read after it.
    private var failedStatement: StoreError?

    private init(_ runner: StatementRunner, beganAt: Timestamp) {
        self.runner = runner
        self.beganAt = (beganAt, ContinuousClock.now)
    }

    /// Runs `body` in a transaction that reads; the first statement takes the snapshot.
    static func run<Result>(
        on runner: StatementRunner, _ body: (any StoreReader) throws -> Result
    ) throws -> Result {
        var microseconds: Int64?
        try NotBegun.wrapping("begin to read") {
            let results = try runner.connection.run(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \(ServerClock.query)", within: runner.limit)
            microseconds = ServerClock.read(results)
        }
        // Nothing was written; a session that stays in its transaction is closed by the pool.
        defer { try? runner.run("ROLLBACK") }
        guard let microseconds else {
            throw StoreError(.corrupt, attempted: "begin to read", reason: "the server has no clock")
        }
        return try body(PostgresReader(runner, beganAt: Timestamp(microseconds: microseconds)))
    }

    func now() throws -> Timestamp {
        beganAt.server.advanced(by: ContinuousClock.now - beganAt.here)
    }

    func consumers() throws -> [ConsumerName: ConsumerRegistration] {
        try perform("read the consumers") {
            let rows = try runner.rows("SELECT consumer, \(ConsumerRegistration.columns) FROM tertib_consumer") {
                (try $0.identity(0, ConsumerName.self), try ConsumerRegistration($0, from: 1))
            }
            return Dictionary(rows) { first, _ in first }
        }
    }

    func watermarks(_ consumer: ConsumerName, after aggregate: Aggregate?, limit: Int) throws -> [Watermark] {
        try perform("read watermarks") {
            try runner.rows(
                """
                SELECT m.aggregate_type, m.aggregate_id, \(Watermark.columns) FROM tertib_watermark AS m
                WHERE m.consumer = $1 AND (m.aggregate_type, m.aggregate_id) > ($2, $3)
                ORDER BY m.aggregate_type, m.aggregate_id LIMIT $4
                """,
                [
                    .text(consumer.text), .text(aggregate?.type.text ?? ""), .text(aggregate?.id.text ?? ""),
                    .bigint(limit),
                ]
            ) { try Watermark($0, of: $0.aggregate(0), from: 2) }
        }
    }

    func watermark(_ consumer: ConsumerName, of aggregate: Aggregate) throws -> Watermark? {
        try perform("read the watermark of \(aggregate)") {
            try runner.first(
                """
                SELECT \(Watermark.columns) FROM tertib_watermark AS m
                WHERE m.consumer = $1 AND m.aggregate_type = $2 AND m.aggregate_id = $3
                """, [.text(consumer.text)] + Parameter.key(of: aggregate)
            ) { try Watermark($0, of: aggregate) }
        }
    }

    func parkedRows(_ consumer: ConsumerName, of aggregate: Aggregate?, limit: Int) throws -> [ParkedEvent] {
        try perform("read the parked events") {
            guard let aggregate else {
                return try runner.rows(
                    """
                    SELECT \(ParkedEvent.columns) FROM tertib_parked AS p WHERE p.consumer = $1
                    ORDER BY p.parked_at, p.aggregate_type, p.aggregate_id, p.version LIMIT $2
                    """, [.text(consumer.text), .bigint(limit)], ParkedEvent.init)
            }
            return try runner.rows(
                """
                SELECT \(ParkedEvent.columns) FROM tertib_parked AS p
                WHERE p.consumer = $1 AND p.aggregate_type = $2 AND p.aggregate_id = $3
                ORDER BY p.parked_at, p.version LIMIT $4
                """, [.text(consumer.text)] + Parameter.key(of: aggregate) + [.bigint(limit)], ParkedEvent.init)
        }
    }

    func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow] {
        try perform("run a query", isOwn: false) {
            do {
                return try runner.query(user: sql, arguments: arguments)
            } catch let failure as ServerFailure where failure.state == "25006" {
                throw StoreError(
                    .forbiddenStatement, attempted: "write in a snapshot", reason: "a snapshot can only be read",
                    advice: "Write in a transaction.")
            }
        }
    }

    func perform<Result>(
        _ attempted: @autoclosure () -> String, isOwn: Bool = true, _ body: () throws -> Result
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
