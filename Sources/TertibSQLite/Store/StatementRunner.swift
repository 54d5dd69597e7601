import Foundation
import GRDB
import Tertib

/// Runs statements on one connection: the store's own by way of GRDB's cache, a user's under ``StatementRule``.
struct StatementRunner {
    let database: Database
    let statements: StatementCache

    /// The store's own statement, prepared once a connection.
    func prepared(_ sql: String) throws -> Statement {
        try database.cachedStatement(sql: sql)
    }

    /// Runs one of the store's statements.
    /// - Returns: how many rows it changed.
    @discardableResult
    func execute(_ sql: String, _ arguments: StatementArguments) throws -> Int {
        try prepared(sql).execute(arguments: arguments)
        return database.changesCount
    }

    /// The rows of one of the store's queries.
    func rows<Element>(
        _ sql: String, _ arguments: StatementArguments, _ decode: (Row) throws -> Element
    ) throws -> [Element] {
        let cursor = try Row.fetchCursor(try prepared(sql), arguments: arguments)
        var elements: [Element] = []
        while let row = try cursor.next() { elements.append(try decode(row)) }
        return elements
    }

    /// The first row of one of the store's queries.
    func first<Element>(
        _ sql: String, _ arguments: StatementArguments, _ decode: (Row) throws -> Element
    ) throws -> Element? {
        let cursor = try Row.fetchCursor(try prepared(sql), arguments: arguments)
        return try cursor.next().map(decode)
    }

    /// Runs a user's statement.
    /// - Returns: how many rows it changed.
    func execute(user sql: String, arguments: [SQLValue]) throws -> Int {
        let rule = try StatementRule(sql)
        return try withStatement(sql, arguments) { statement, values in
            try statement.execute(arguments: values)
            return rule.changesRows && !statement.isReadonly ? database.changesCount : 0
        }
    }

    /// The rows of a user's query.
    func query(user sql: String, arguments: [SQLValue], isReadOnly: Bool = false) throws -> [SQLRow] {
        _ = try StatementRule(sql)
        return try withStatement(sql, arguments) { statement, values in
            guard !isReadOnly || statement.isReadonly else {
                throw StoreError(
                    .forbiddenStatement, attempted: "write in a snapshot", reason: "a snapshot can only be read",
                    advice: "Write in a transaction.")
            }
            let names = statement.columnNames
            let cursor = try Row.fetchCursor(statement, arguments: values)
            var rows: [SQLRow] = []
            while let row = try cursor.next() {
                rows.append(SQLRow(columns: names, values: names.indices.map { SQLValue(row[$0] as DatabaseValue) }))
            }
            return rows
        }
    }

    private func withStatement<Result>(
        _ sql: String, _ arguments: [SQLValue], _ body: (Statement, StatementArguments) throws -> Result
    ) throws -> Result {
        guard !sql.utf8.contains(0) else {
            throw StoreError(.statement, attempted: "run a statement", reason: "its text contains U+0000")
        }
        do {
            let statement = try statements.statement(sql, in: database)
            let values = StatementArguments(try arguments.map { try $0.databaseValue() })
            return try body(statement, values)
        } catch {
            statements.forget(sql)
            throw error
        }
    }
}

extension SQLValue {
    /// What SQLite takes at most for one value (SQLITE_MAX_LENGTH); GRDB ends the process on more.
    private static let lengthLimit = 1_000_000_000

    init(_ value: DatabaseValue) {
        switch value.storage {
        case .null: self = .null
        case .int64(let value): self = .integer(value)
        case .double(let value): self = .double(value)
        case .string(let value): self = .text(value)
        case .blob(let value): self = .blob([UInt8](value))
        }
    }

    /// The value for GRDB, which would cut a text at U+0000.
    func databaseValue() throws(StoreError) -> DatabaseValue {
        switch self {
        case .null: return .null
        case .integer(let value): return value.databaseValue
        case .double(let value): return value.databaseValue
        case .text(let value):
            guard !value.utf8.contains(0) else {
                throw refusal("a text contains U+0000, which not every database can store")
            }
            guard value.utf8.count < Self.lengthLimit else { throw refusal("a text is too long") }
            return value.databaseValue
        case .blob(let value):
            guard value.count < Self.lengthLimit else { throw refusal("a blob is too long") }
            return Data(value).databaseValue
        }
    }

    private func refusal(_ reason: String) -> StoreError {
        StoreError(.statement, attempted: "pass a value to a statement", reason: reason)
    }
}
