import GRDB
import TertibRuntime
import TertibCore

/// One snapshot of the database.
final class SQLiteReader: StoreReader {
    let runner: StatementRunner
    private let time: any TimeSource

    init(_ database: Database, _ statements: StatementCache, time: any TimeSource) {
        runner = StatementRunner(database: database, statements: statements)
        self.time = time
    }

    func now() throws -> Timestamp { time.wall }

    func consumers() throws -> [ConsumerName: ConsumerRegistration] {
        try perform("read the consumers") {
            let rows = try runner.rows("SELECT consumer, \(ConsumerRegistration.columns) FROM tertib_consumer", []) {
                (try $0.identity(0, ConsumerName.self), try ConsumerRegistration($0, from: 1))
            }
            return Dictionary(rows) { first, _ in first }
        }
    }

    func watermarks(_ consumer: ConsumerName, after aggregate: Aggregate?, limit: Int) throws -> [Watermark] {
        try perform("read watermarks") {
            try runner.rows(
                """
                SELECT aggregate_type, aggregate_id, version, event_id, stream_sequence, parked, status, generation,
                    revision
                FROM tertib_watermark WHERE consumer = ? AND (aggregate_type, aggregate_id) > (?, ?)
                ORDER BY aggregate_type, aggregate_id LIMIT ?
                """, [consumer.text, aggregate?.type.text ?? "", aggregate?.id.text ?? "", limit]
            ) { try Watermark($0, of: $0.aggregate(0), from: 2) }
        }
    }

    func watermark(_ consumer: ConsumerName, of aggregate: Aggregate) throws -> Watermark? {
        try perform("read the watermark of \(aggregate)") {
            try runner.first(
                """
                SELECT version, event_id, stream_sequence, parked, status, generation, revision FROM tertib_watermark
                WHERE consumer = ? AND aggregate_type = ? AND aggregate_id = ?
                """, [consumer.text, aggregate.type.text, aggregate.id.text]
            ) { try Watermark($0, of: aggregate) }
        }
    }

    func parkedRows(_ consumer: ConsumerName, of aggregate: Aggregate?, limit: Int) throws -> [ParkedEvent] {
        try perform("read the parked events") {
            guard let aggregate else {
                return try runner.rows(
                    """
                    SELECT \(ParkedEvent.columns) FROM tertib_parked WHERE consumer = ?
                    ORDER BY parked_at, rowid LIMIT ?
                    """, [consumer.text, limit], ParkedEvent.init)
            }
            return try runner.rows(
                """
                SELECT \(ParkedEvent.columns) FROM tertib_parked
                WHERE consumer = ? AND aggregate_type = ? AND aggregate_id = ? ORDER BY parked_at, version LIMIT ?
                """, [consumer.text, aggregate.type.text, aggregate.id.text, limit], ParkedEvent.init)
        }
    }

    func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow] {
        try perform("run a query") { try runner.query(user: sql, arguments: arguments, isReadOnly: true) }
    }

    func perform<Result>(_ attempted: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            throw Schema.explaining(error, on: runner.database) ?? StoreError(wrapping: error, attempted: attempted())
        }
    }
}
