import GRDB
import TertibRuntime
import TertibCore

/// One transaction on the writing connection.
///
/// SQLite may end a transaction by itself: a trigger's `RAISE(ROLLBACK)`, `ON CONFLICT ROLLBACK`, a full disk. The next
/// statement would then commit alone. So every call looks first whether the transaction still lives, and once it does
/// not, nothing runs any more and the commit is refused, whatever the body did with the error.
final class SQLiteTransaction: StoreTransaction {
    let runner: StatementRunner
    private let time: any TimeSource
    private(set) var infrastructureFailure: StoreError?
    private var isOver = false

    private init(_ database: Database, _ statements: StatementCache, time: any TimeSource) {
        runner = StatementRunner(database: database, statements: statements)
        self.time = time
    }

    /// Begins, runs the body, commits.
    static func run<Result>(
        on database: Database, _ statements: StatementCache, time: any TimeSource,
        _ body: (any StoreTransaction) throws -> Result
    ) throws -> Result {
        let transaction = SQLiteTransaction(database, statements, time: time)
        try transaction.begin()
        defer { transaction.isOver = true }
        do {
            let result = try body(transaction)
            try transaction.commit()
            return result
        } catch {
            transaction.rollback()
            throw error
        }
    }

    func now() throws -> Timestamp { time.wall }

    func execute(_ sql: String, arguments: [SQLValue]) throws -> Int {
        try perform("run \(Self.excerpt(sql))") { try runner.execute(user: sql, arguments: arguments) }
    }

    func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow] {
        try perform("run \(Self.excerpt(sql))") { try runner.query(user: sql, arguments: arguments) }
    }

    func savepoint<Result>(_ body: () throws -> Result) throws -> Result {
        try perform("begin a savepoint") { try runner.execute("SAVEPOINT tertib") }
        do {
            let result = try body()
            try perform("release a savepoint") { try runner.execute("RELEASE tertib") }
            return result
        } catch {
            guard isAlive else { throw infrastructureFailure ?? Self.lost("undo a savepoint") }
            try perform("undo a savepoint") {
                try runner.execute("ROLLBACK TO tertib")
                try runner.execute("RELEASE tertib")
            }
            throw error
        }
    }

    /// Runs work of the store's own; what fails is told apart, and remembered when it is the database's failure.
    @discardableResult
    func perform<Result>(_ attempted: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
        precondition(!isOver, "a transaction is valid only inside the closure it was given to")
        guard isAlive else { throw noted(Self.lost(attempted())) }
        do {
            return try body()
        } catch {
            let failure = Schema.explaining(error, on: database) ?? StoreError(wrapping: error, attempted: attempted())
            guard isAlive || failure.isInfrastructure else {
                throw noted(
                    StoreError(.transactionLost, attempted: failure.attempted, reason: failure.reason))
            }
            throw noted(failure)
        }
    }

    private var database: Database { runner.database }

    private var isAlive: Bool { database.isInsideTransaction }

    private func noted(_ failure: StoreError) -> StoreError {
        if failure.isInfrastructure { infrastructureFailure = infrastructureFailure ?? failure }
        return failure
    }

    private static func lost(_ attempted: String) -> StoreError {
        StoreError(
            .transactionLost, attempted: attempted, reason: "the transaction has ended before",
            advice: "A trigger or a conflict clause that rolls back ends the whole transaction; use ABORT or FAIL.")
    }

    /// Enough of a statement to recognise it by.
    private static func excerpt(_ sql: String) -> String {
        let limit = 80
        return sql.count > limit ? "\(sql.prefix(limit))..." : sql
    }
}

extension SQLiteTransaction {
    private func begin() throws {
        do {
            // One that an earlier rollback could not end must not take this one's writes.
            try database.rollback()
            try database.beginTransaction(.immediate)
        } catch {
            throw StoreError(wrapping: error, attempted: "begin a transaction")
        }
    }

    private func commit() throws {
        if let infrastructureFailure { throw infrastructureFailure }
        guard isAlive else { throw Self.lost("commit") }
        do {
            try database.commit()
        } catch let error as DatabaseError {
            throw StoreError(commit: error)
        } catch {
            throw StoreError(.commitUnknown, attempted: "commit", reason: "\(error)")
        }
    }

    /// Undoes everything, without hiding the error that led here.
    ///
    /// A rollback can only fail when the file cannot be read any more; then the transaction is ended before the next
    /// begins, or with the connection.
    private func rollback() {
        try? database.rollback()
    }
}
