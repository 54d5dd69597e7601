import GRDB
import TertibRuntime

/// The prepared statements of one connection, by their text.
final class StatementCache {
    private static let limit = 256
    private var own: [StatementText: PreparedStatement] = [:]
    private var users: [StatementText: PreparedStatement] = [:]

    /// One of the store's statements, whose number is fixed.
    func own(_ sql: String, in database: Database) throws -> PreparedStatement {
        let text = StatementText(sql)
        if let statement = own[text] { return statement }
        let statement = PreparedStatement(try database.makeStatement(sql: sql))
        own[text] = statement
        return statement
    }

    /// A user's statement, checked when it is seen for the first time. A bounded number is kept, for the text may be
    /// another one each time.
    func user(_ sql: String, in database: Database) throws -> PreparedStatement {
        let text = StatementText(sql)
        if let statement = users[text] { return statement }
        let rule = try StatementRule(sql)
        let statement = PreparedStatement(try database.makeStatement(sql: sql), changesRows: rule.changesRows)
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
