import GRDB
import TertibRuntime

/// Runs statements on one connection: the store's own, and a user's under ``StatementRule``.
struct StatementRunner {
    let database: Database
    let statements: StatementCache

    /// The store's own statement, prepared once a connection.
    func prepared(_ sql: String) throws -> PreparedStatement {
        try statements.own(sql, in: database)
    }

    /// Runs one of the store's statements.
    /// - Returns: how many rows it changed.
    @discardableResult
    func execute(_ sql: String, _ arguments: [any Bindable] = []) throws -> Int {
        try prepared(sql).execute(arguments)
    }

    /// The rows of one of the store's queries.
    func rows<Element>(
        _ sql: String, _ arguments: [any Bindable] = [], _ decode: (StatementRow) throws -> Element
    ) throws -> [Element] {
        var elements: [Element] = []
        try prepared(sql).forEachRow(arguments) { row in
            elements.append(try decode(row))
            return true
        }
        return elements
    }

    /// The first row of one of the store's queries.
    func first<Element>(
        _ sql: String, _ arguments: [any Bindable] = [], _ decode: (StatementRow) throws -> Element
    ) throws -> Element? {
        var element: Element?
        try prepared(sql).forEachRow(arguments) { row in
            element = try decode(row)
            return false
        }
        return element
    }

    /// Runs a user's statement.
    /// - Returns: how many rows it changed.
    func execute(user sql: String, arguments: [SQLValue]) throws -> Int {
        try statements.user(sql, in: database).execute(arguments)
    }

    /// The rows of a user's query.
    func query(user sql: String, arguments: [SQLValue], isReadOnly: Bool = false) throws -> [SQLRow] {
        let statement = try statements.user(sql, in: database)
        guard !isReadOnly || statement.isReadOnly else {
            throw StoreError(
                .forbiddenStatement, attempted: "write in a snapshot", reason: "a snapshot can only be read",
                advice: "Write in a transaction.")
        }
        let names = statement.columnNames
        var rows: [SQLRow] = []
        try statement.forEachRow(arguments) { row in
            rows.append(SQLRow(columns: names, values: names.indices.map { row[$0] }))
            return true
        }
        return rows
    }
}
