import GRDB
import GRDBSQLite
import TertibRuntime
import TertibSQL

/// Refuses statements that control the transaction or the connection while user code runs.
///
/// User code has GRDB's connection in its hands (``HandlerTransaction/withDatabase(_:)``), and GRDB would run a `COMMIT`.
/// SQLite asks this authorizer when it prepares a statement, before anything of it takes effect; a refused statement
/// fails with `SQLITE_AUTH`, and the transaction goes on.
///
/// It takes the place of GRDB's authorizer, which serves GRDB's observation of changes: observers added to this
/// connection are not called for changed rows. It is set once, because setting it again would have every statement
/// prepared again.
///
/// Used on its connection's thread only.
final class TransactionGuard {
    /// Pragmas that only read; GRDB asks for the columns of a table by them.
    private static let readingPragmas: Set<String> = [
        "collation_list", "compile_options", "database_list", "foreign_key_check", "foreign_key_list", "function_list",
        "index_info", "index_list", "index_xinfo", "integrity_check", "module_list", "pragma_list", "quick_check",
        "table_info", "table_list", "table_xinfo",
    ]
    private var isGuarding = false
    private var hasChangedTables = false

    /// Has SQLite ask this guard about every statement of the connection. It must live as long as the connection.
    func install(on database: Database) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_set_authorizer(
            database.sqliteConnection,
            { context, action, first, second, _, _ in
                guard let context else { return SQLITE_DENY }
                let control = Unmanaged<TransactionGuard>.fromOpaque(context).takeUnretainedValue()
                return control.allows(action, first, second) ? SQLITE_OK : SQLITE_DENY
            }, context)
    }

    /// Runs user code.
    func guarding<Result>(_ body: () throws -> Result) rethrows -> Result {
        isGuarding = true
        defer { isGuarding = false }
        return try body()
    }

    /// Runs the store's own statements about its transaction while user code runs.
    func allowing<Result>(_ body: () throws -> Result) rethrows -> Result {
        let wasGuarding = isGuarding
        isGuarding = false
        defer { isGuarding = wasGuarding }
        return try body()
    }

    /// Has GRDB read the schema again when a statement has changed it.
    func forgetChangedTables(_ database: Database) {
        if hasChangedTables { database.clearSchemaCache() }
        hasChangedTables = false
    }

    private func allows(
        _ action: CInt, _ first: UnsafePointer<CChar>?, _ second: UnsafePointer<CChar>?
    ) -> Bool {
        switch action {
        case SQLITE_TRANSACTION, SQLITE_ATTACH, SQLITE_DETACH:
            return !isGuarding
        case SQLITE_SAVEPOINT:
            // The second argument is the name; names compare without regard to case.
            return !isGuarding || second.map { String(cString: $0).lowercased().hasPrefix("tertib") } != true
        case SQLITE_PRAGMA:
            return !isGuarding || first.map { Self.readingPragmas.contains(String(cString: $0).lowercased()) } == true
        case SQLITE_ALTER_TABLE, SQLITE_CREATE_TABLE, SQLITE_DROP_TABLE, SQLITE_CREATE_VIEW, SQLITE_DROP_VIEW,
            SQLITE_CREATE_INDEX, SQLITE_DROP_INDEX, SQLITE_CREATE_VTABLE, SQLITE_DROP_VTABLE,
            SQLITE_CREATE_TEMP_TABLE, SQLITE_DROP_TEMP_TABLE, SQLITE_CREATE_TEMP_VIEW, SQLITE_DROP_TEMP_VIEW:
            hasChangedTables = true
            return true
        default:
            return true
        }
    }
}
