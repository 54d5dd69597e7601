package import TertibRuntime

/// Plain statements on a connection of its own, each outside of a transaction: administration that is no part
/// of a store, such as making a database or ending another session.
///
/// Nothing is escaped: statements are for names and values that the caller has made. Safe to use from any task.
package final class PostgresAdministration: Sendable {
    private let session: Session

    private init(_ session: Session) {
        self.session = session
    }

    /// Connects.
    /// - Throws: ``StoreError``, as a store's first call does.
    package static func connect(_ options: PostgresOptions) async throws(StoreError) -> PostgresAdministration {
        PostgresAdministration(try await Session.open(options))
    }

    /// Runs one statement.
    /// - Returns: its rows as text; SQL's null is `nil`.
    /// - Throws: ``StoreError``.
    @discardableResult
    package func run(_ statement: String) async throws -> [[String?]] {
        try await session.run { runner in
            do {
                let results = try runner.connection.run(statement, within: runner.limit)
                guard let result = results.last else { return [] }
                return (0..<result.rowCount).map { row in
                    (0..<result.columnCount).map { result.text(row, $0) }
                }
            } catch {
                throw StoreError(wrapping: error, attempted: "administer the server", isOwn: false)
            }
        }.outcome.get()
    }

    /// Closes the connection.
    package func close() async { await session.close() }
}
