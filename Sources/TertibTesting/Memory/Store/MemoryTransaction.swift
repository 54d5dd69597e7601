import TertibRuntime
import TertibCore

/// One transaction of a ``MemoryStore``, used on its own thread alone.
final class MemoryTransaction: StoreTransaction {
    let id: MemoryTransactionID
    let database: MemoryDatabase
    private let step: (MemoryOperation) throws -> Void
    private(set) var infrastructureFailure: StoreError?
    /// The statement that failed outside of a savepoint. At read committed the database, like PostgreSQL, refuses
    /// everything after it.
    private var failedStatement: StoreError?

    init(id: MemoryTransactionID, database: MemoryDatabase, step: @escaping (MemoryOperation) throws -> Void) {
        self.id = id
        self.database = database
        self.step = step
    }

    func now() throws -> Timestamp { database.time.wall }

    /// Runs one statement.
    func perform<Result>(
        _ operation: MemoryOperation, _ body: (MemoryCore, MemoryTableSet) throws -> Result
    ) throws -> Result {
        if let infrastructureFailure { throw infrastructureFailure }
        if let failedStatement { throw failedStatement }
        do {
            try step(operation)
            return try database.statement(of: id, body)
        } catch let error as StoreError {
            note(error)
            throw error
        }
    }

    private func note(_ error: StoreError) {
        if error.isInfrastructure {
            infrastructureFailure = infrastructureFailure ?? error
        } else if error.code == .statement, database.isolation == .readCommitted {
            failedStatement = error
        }
    }

    func savepoint<Result>(_ body: () throws -> Result) throws -> Result {
        let mark = try perform(.savepoint) { core, _ in core.mark(id) }
        do {
            let result = try body()
            // A failure that the body has swallowed still ended what the savepoint guards.
            if let failedStatement { throw failedStatement }
            if let infrastructureFailure { throw infrastructureFailure }
            return result
        } catch {
            // What ended the transaction is thrown, and not what the body has made of it.
            if let infrastructureFailure { throw infrastructureFailure }
            database.undo(to: mark, of: id)
            failedStatement = nil
            throw error
        }
    }

    /// Refuses to commit what a failure has ended, even if the body has swallowed it.
    func checkCommittable() throws(StoreError) {
        if let infrastructureFailure { throw infrastructureFailure }
        if failedStatement != nil { throw lost() }
    }

    private func lost() -> StoreError {
        StoreError(
            .transactionLost, attempted: "go on with the transaction",
            reason: (infrastructureFailure ?? failedStatement)?.reason ?? "it has ended")
    }
}

// MARK: - Statements of users

extension MemoryTransaction {
    func execute(_ sql: String, arguments: [SQLValue]) throws -> Int {
        try run(.execute(sql), sql, arguments).changed
    }

    func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow] {
        try run(.query(sql), sql, arguments).rows
    }

    private func run(
        _ operation: MemoryOperation, _ sql: String, _ arguments: [SQLValue]
    ) throws -> MemoryStatementResult {
        guard !TransactionControl.isControl(sql) else {
            throw StoreError(
                .forbiddenStatement, attempted: "run a statement", reason: "it would control the transaction")
        }
        return try perform(operation) { core, snapshot in
            guard let statement = database.statements[sql] else { throw MemoryStatement.unknown(sql) }
            let tables = MemoryTables(core: core, snapshot: snapshot, transaction: id)
            return try statement.run(tables, arguments)
        }
    }
}

/// Recognises statements that would control the transaction, behind whatever remarks they stand.
enum TransactionControl {
    private static let words: Set<String> = [
        "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE",
    ]

    static func isControl(_ sql: String) -> Bool {
        var rest = Substring(sql)
        while true {
            rest = rest.drop { $0.isWhitespace || $0 == ";" }
            if rest.hasPrefix("--") {
                rest = rest.drop { !$0.isNewline }
            } else if rest.hasPrefix("/*") {
                rest = rest.dropFirst(2)
                while !rest.isEmpty, !rest.hasPrefix("*/") { rest = rest.dropFirst() }
                rest = rest.dropFirst(2)
            } else {
                return words.contains(rest.prefix { $0.isLetter }.uppercased())
            }
        }
    }
}
