public import GRDB
public import TertibRuntime

extension HandlerTransaction {
    /// Runs `body` on GRDB's connection of this transaction: its records, requests and SQL, in a service on SQLite.
    ///
    /// ```swift
    /// try transaction.withDatabase { db in try product.update(db) }
    /// ```
    ///
    /// What `body` writes commits with the transaction, or not at all. If `body` throws, its own writes are undone. The
    /// connection is valid only inside `body`. Savepoints are allowed (`db.inSavepoint`); statements that begin or end a
    /// transaction, attach databases or set pragmas are refused.
    /// - Throws: ``StoreError`` for an error of the database, as ``execute(_:_:)`` does: `forbiddenStatement` for a
    ///   refused statement, `conflict`, `unavailable`, `statement` for a violated constraint; `transactionLost` when the
    ///   transaction has ended inside, also if `body` does not throw. `statement` too on another store than SQLite's.
    ///   Every other error that `body` throws, unchanged.
    public func withDatabase<Result>(_ body: (Database) throws -> Result) throws -> Result {
        var innermost = store
        while innermost.base !== innermost { innermost = innermost.base }
        guard let transaction = innermost as? SQLiteTransaction else {
            throw StoreError(
                .statement, attempted: "use GRDB in a transaction", reason: "this service's database is not SQLite",
                advice: "Use execute and query, which work on every database.")
        }
        return try transaction.withDatabase(body)
    }
}
