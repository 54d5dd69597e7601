import GRDB
import TertibRuntime
import TertibSQL

/// Runs statements on one connection: the store's own, and a user's under ``UserStatement``.
struct StatementRunner: StatementRunning {
    let database: Database
    let statements: StatementCache

    @discardableResult
    func execute(_ sql: String, _ cells: [Cell] = []) throws -> Int {
        try prepared(sql).execute(cells)
    }

    func forEachRow(_ sql: String, _ cells: [Cell], _ body: (StatementRow) throws -> Bool) throws {
        try prepared(sql).forEachRow(cells, body)
    }

    /// One of the store's statements, prepared once a connection; for loops.
    func prepared(_ sql: String) throws -> PreparedStatement {
        try statements.own(sql, in: database)
    }

    /// Runs a user's statement.
    /// - Returns: the number of rows that it changed.
    func execute(user sql: String, arguments: [SQLValue]) throws -> Int {
        try statements.user(sql, in: database).execute(arguments)
    }

    /// The rows of a user's query.
    func query(user sql: String, arguments: [SQLValue], isReadOnly: Bool = false) throws -> [SQLRow] {
        let statement = try statements.user(sql, in: database)
        guard !isReadOnly || statement.isReadOnly else { throw UserStatement.readOnly }
        let names = statement.columnNames
        var rows: [SQLRow] = []
        try statement.forEachRow(arguments) { row in
            rows.append(SQLRow(columns: names, values: names.indices.map { row[$0] }))
            return true
        }
        return rows
    }
}

/// The prepared statements of one connection, by their text.
final class StatementCache {
    private static let limit = 256
    private var own: [StatementText: PreparedStatement] = [:]
    private var users: [StatementText: PreparedStatement] = [:]

    /// One of the store's statements, whose number is fixed.
    func own(_ sql: String, in database: Database) throws -> PreparedStatement {
        let text = StatementText(sql)
        if let statement = own[text] { return statement }
        let statement = PreparedStatement(try database.makeStatement(sql: Dialect.sqlite.statement(sql)))
        own[text] = statement
        return statement
    }

    /// A user's statement, checked when it is seen for the first time. A bounded number is kept, for the text may be
    /// another one each time.
    func user(_ sql: String, in database: Database) throws -> PreparedStatement {
        let text = StatementText(sql)
        if let statement = users[text] { return statement }
        let checked = try UserStatement(sql, .sqlite)
        let statement = PreparedStatement(
            try database.makeStatement(sql: checked.sql), changesRows: checked.changesRows)
        if users.count >= Self.limit { users.removeAll() }
        users[text] = statement
        return statement
    }

    /// Before the connection closes: SQLite keeps one open that still has statements.
    func removeAll() {
        own.removeAll()
        users.removeAll()
    }
}

/// The text of a statement, compared by its bytes: canonically equivalent literals are two.
private struct StatementText: Hashable {
    private let sql: String

    init(_ sql: String) { self.sql = sql }

    static func == (left: StatementText, right: StatementText) -> Bool {
        left.sql.utf8.elementsEqual(right.sql.utf8)
    }

    func hash(into hasher: inout Hasher) {
        var sql = sql
        sql.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
