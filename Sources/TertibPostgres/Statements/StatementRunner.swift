import Tertib

/// Runs statements on one connection: the store's own with typed, binary values, and a user's under
/// ``UserStatement``.
struct StatementRunner {
    let connection: ServerConnection
    let statements: StatementCache
    let options: PostgresOptions

    /// How long to wait for the server to answer: longer than its own limit, which is to end the statement first.
    var limit: Duration { options.statementTimeout * 3 / 2 + .seconds(1) }

    /// Runs one of the store's statements.
    /// - Returns: how many rows it changed.
    @discardableResult
    func execute(_ sql: String, _ parameters: [Parameter] = []) throws -> Int {
        try result(sql, parameters).changedRows
    }

    /// The rows of one of the store's statements.
    func rows<Element>(
        _ sql: String, _ parameters: [Parameter] = [], _ decode: (ResultRow) throws -> Element
    ) throws -> [Element] {
        let result = try result(sql, parameters)
        return try (0..<result.rowCount).map { try decode(ResultRow(result, $0)) }
    }

    /// The first row of one of the store's statements.
    func first<Element>(
        _ sql: String, _ parameters: [Parameter] = [], _ decode: (ResultRow) throws -> Element
    ) throws -> Element? {
        let result = try result(sql, parameters)
        return result.rowCount > 0 ? try decode(ResultRow(result, 0)) : nil
    }

    /// Runs a statement without parameters or a result, unprepared.
    func run(_ sql: String) throws {
        try connection.run(sql, within: limit)
    }

    /// Runs a user's statement.
    /// - Returns: how many rows it changed.
    func execute(user sql: String, arguments: [SQLValue]) throws -> Int {
        try result(user: sql, arguments).changedRows
    }

    /// The rows of a user's query.
    func query(user sql: String, arguments: [SQLValue]) throws -> [SQLRow] {
        let result = try result(user: sql, arguments)
        let columns = 0..<result.columnCount
        let names = columns.map(result.columnName)
        return (0..<result.rowCount).map { row in
            SQLRow(columns: names, values: columns.map { SQLValue(result, row, $0) })
        }
    }

    private func result(_ sql: String, _ parameters: [Parameter]) throws -> QueryResult {
        try forgettingWhatEnded {
            let name = try statements.own(sql, types: parameters.map(\.type), on: connection, within: limit)
            return try connection.execute(name, parameters, binaryResult: true, within: limit)
        }
    }

    private func result(user sql: String, _ arguments: [SQLValue]) throws -> QueryResult {
        for case .text(let text) in arguments where text.utf8.contains(0) {
            throw StoreError(
                .statement, attempted: "run a statement",
                reason: "one of its values contains U+0000, which PostgreSQL cannot store in a text")
        }
        let parameters = arguments.map { Parameter(user: $0) }
        return try forgettingWhatEnded {
            let prepared = try statements.user(sql, types: parameters.map(\.type), on: connection, within: limit)
            return try connection.execute(prepared.name, parameters, binaryResult: false, within: limit)
        }
    }

    private func forgettingWhatEnded<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let failure as ServerFailure where failure.endsPreparedStatement {
            statements.forget()
            throw failure
        }
    }
}
