import GRDB
import TertibCore
import TertibRuntime
import TertibSQL

/// One snapshot of the database.
final class SQLiteReader: TableSnapshot {
    let runner: StatementRunner
    private let time: any TimeSource

    init(_ connection: Connection.Access, time: any TimeSource) {
        runner = StatementRunner(database: connection.database, statements: connection.statements)
        self.time = time
    }

    func now() throws -> Timestamp { time.wall }

    func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow] {
        try perform("run a query") { try runner.query(user: sql, arguments: arguments, isReadOnly: true) }
    }

    func perform<Result>(_ attempted: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            throw Migrator(database: runner.database).explaining(error)
                ?? StoreError(wrapping: error, attempted: attempted())
        }
    }
}
