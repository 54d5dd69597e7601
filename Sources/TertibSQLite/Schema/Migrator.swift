import GRDB
import TertibRuntime
import TertibCore

/// Brings the tables to the version of this code, in one transaction: a crash leaves either all of it or nothing, and
/// of several processes one does the work while the others wait and find it done.
///
/// GRDB's own migrator is not used: it keeps one table of names for a database, which is the user's.
struct Migrator {
    let database: Database

    /// Takes the steps that are missing.
    /// - Throws: ``StoreError`` with ``StoreError/Code/schema`` when the tables are newer than this code.
    func migrate(now: Timestamp) throws {
        guard try Self.version(of: database) < Schema.current else { return try refuseNewer() }
        try database.beginTransaction(.immediate)
        do {
            try database.execute(sql: Schema.migrationTable)
            try refuseNewer()
            let version = try Self.version(of: database)
            for step in Schema.steps where step.version > version {
                for statement in step.statements { try database.execute(sql: statement) }
                try database.execute(
                    sql: "INSERT INTO tertib_migration (version, applied_at) VALUES (?, ?)",
                    arguments: [step.version, now.description])
            }
            try database.commit()
        } catch {
            // The first error is the one to tell, whether or not the rollback was still needed.
            try? database.rollback()
            throw error
        }
    }

    /// Refuses tables that a newer version of this code has made.
    func refuseNewer() throws {
        let version = try Self.version(of: database)
        guard version > Schema.current else { return }
        throw StoreError(
            .schema, attempted: "use the tables of this database",
            reason: "they have version \(version), and this program knows them up to version \(Schema.current)",
            advice: "Run a newer version of this program.")
    }

    /// The version of the tables; 0 when there are none.
    static func version(of database: Database) throws -> Int {
        guard
            try Bool.fetchOne(
                database,
                sql: "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tertib_migration'") != nil
        else { return 0 }
        return try Int.fetchOne(database, sql: "SELECT max(version) FROM tertib_migration") ?? 0
    }
}
