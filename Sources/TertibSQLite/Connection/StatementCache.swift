import GRDB
import Tertib

/// The prepared statements of one connection, by their text.
final class StatementCache {
    private static let limit = 256
    private var own: [String: PreparedStatement] = [:]
    private var users: [String: PreparedStatement] = [:]

    /// One of the store's statements, whose number is fixed.
    func own(_ sql: String, in database: Database) throws -> PreparedStatement {
        if let statement = own[sql] { return statement }
        let statement = PreparedStatement(try database.makeStatement(sql: sql))
        own[sql] = statement
        return statement
    }

    /// A user's statement, checked when it is seen for the first time. A bounded number is kept, for the text may be
    /// another one each time.
    func user(_ sql: String, in database: Database) throws -> PreparedStatement {
        if let statement = users[sql] { return statement }
        let rule = try StatementRule(sql)
        let statement = PreparedStatement(try database.makeStatement(sql: sql), changesRows: rule.changesRows)
        if users.count >= Self.limit { users.removeAll() }
        users[sql] = statement
        return statement
    }

    /// Before the connection closes: SQLite keeps one open that still has statements.
    func removeAll() {
        own.removeAll()
        users.removeAll()
    }
}
