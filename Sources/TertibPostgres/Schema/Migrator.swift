import TertibRuntime
import TertibSQL

/// Runs ``Migration`` in one transaction, under an advisory lock.
struct Migrator {
    /// Names the lock that serialises migrations within a database: `tertib` in ASCII. The server releases it with the
    /// transaction, however that ends.
    private static let lockKey: Int64 = 0x7465_7274_6962
    /// How long to wait for another replica's migration, and how long one statement of ours may take.
    private static let lockWait: Duration = .seconds(20)

    private static let selectExists = """
        SELECT count(*) FROM pg_class
        WHERE oid = to_regclass('tertib_migration') AND relkind IN ('r', 'p')
        """
    private static let selectVersion = "SELECT coalesce(max(version), 0) FROM tertib_migration"
    private static let insertVersion = """
        INSERT INTO tertib_migration (version, applied_at) VALUES ($1, clock_timestamp())
        """

    let runner: StatementRunner

    /// Takes the steps that are missing.
    /// - Throws: ``StoreError`` with ``StoreError/Code/schema`` when the tables are newer than this code.
    func migrate() throws {
        guard try version() < Migration.current else { return try refuseNewer() }
        try mapping("create or upgrade the tables") {
            try runner.run(
                "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
                    + "SET LOCAL lock_timeout = \(Self.lockWait.wholeMilliseconds)")
            do {
                try runner.run("SELECT pg_advisory_xact_lock(\(Self.lockKey))")
                try runner.run(Migration.createTable(.postgres))
                for step in Migration.steps(after: try version(), .postgres) {
                    for statement in step.statements { try runner.run(statement) }
                    try runner.execute(Self.insertVersion, cells(step.version))
                }
                try runner.run("COMMIT")
            } catch {
                // The first error is the one to throw; a session that stays in its transaction is closed by the pool.
                try? runner.run("ROLLBACK")
                throw error
            }
        }
        try refuseNewer()
    }

    /// Refuses tables that a newer version of this code has made.
    func refuseNewer() throws { try Migration.refuseNewer(try version()) }

    /// The version of the tables; 0 when there are none.
    private func version() throws -> Int {
        try mapping("look at the tables") {
            // Nothing has run yet when this is the first statement: a session whose server is gone is replaced.
            let exists: Int
            do {
                exists = try runner.count(Self.selectExists, [])
            } catch let failure as ServerFailure where failure.isConnectionLost {
                throw NotBegun(error: StoreError(failure, attempted: "look at the tables", isOwn: true))
            }
            return exists == 0 ? 0 : try runner.count(Self.selectVersion, [])
        }
    }

    private func mapping<Result>(_ attempted: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as NotBegun {
            throw error
        } catch {
            throw StoreError(wrapping: error, attempted: attempted, isOwn: true)
        }
    }
}
