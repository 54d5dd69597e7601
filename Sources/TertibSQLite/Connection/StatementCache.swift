import GRDB

/// The prepared statements of handlers, by their text; a bounded number, for text may be built anew each time.
///
/// GRDB's own cache has no bound and serves the store's statements, whose number is fixed.
final class StatementCache {
    private static let limit = 256
    private var statements: [String: Statement] = [:]

    func statement(_ sql: String, in database: Database) throws -> Statement {
        if let statement = statements[sql] { return statement }
        let statement = try database.makeStatement(sql: sql)
        if statements.count >= Self.limit { statements.removeAll() }
        statements[sql] = statement
        return statement
    }

    /// A statement that has failed is not used again: resetting it would report the failure once more.
    func forget(_ sql: String) {
        statements[sql] = nil
    }

    /// Before the connection closes: SQLite keeps one open that still has statements.
    func removeAll() {
        statements.removeAll()
    }
}
