import GRDB
import TertibCore
import TertibRuntime
import TertibSQL

/// Runs ``Migration`` in one transaction, which is SQLite's lock.
///
/// GRDB's own migrator is not used: it keeps one table of names for a database, which is the user's.
struct Migrator {
    let database: Database

    /// Takes the steps that are missing.
    /// - Throws: ``StoreError`` with ``StoreError/Code/schema`` when the tables are newer than this code.
    func migrate(now: Timestamp) throws {
        guard try version() < Migration.current else { return try refuseNewer() }
        try database.beginTransaction(.immediate)
        do {
            try database.execute(sql: Migration.createTable(.sqlite))
            try refuseNewer()
            for step in Migration.steps(after: try version(), .sqlite) {
                for statement in step.statements { try database.execute(sql: statement) }
                try database.execute(
                    sql: "INSERT INTO tertib_migration (version, applied_at) VALUES (?, ?)",
                    arguments: [step.version, now.description])
            }
            try database.commit()
        } catch {
            // The first error is the one to throw, whether or not the rollback was still needed.
            try? database.rollback()
            throw error
        }
    }

    /// Refuses tables that a newer version of this code has made.
    func refuseNewer() throws { try Migration.refuseNewer(try version()) }

    /// The error to throw instead of "no such table" when the tables are missing or of another version; `nil` when they
    /// are not the reason.
    func explaining(_ error: any Error) -> StoreError? {
        guard let error = error as? DatabaseError, error.resultCode == .SQLITE_ERROR, let version = try? version()
        else { return nil }
        return Migration.explaining(version)
    }

    /// The version of the tables; 0 when there are none.
    private func version() throws -> Int {
        let exists = try Bool.fetchOne(
            database, sql: "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tertib_migration'")
        guard exists != nil else { return 0 }
        return try Int.fetchOne(database, sql: "SELECT max(version) FROM tertib_migration") ?? 0
    }
}
