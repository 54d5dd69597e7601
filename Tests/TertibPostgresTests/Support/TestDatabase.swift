import Glibc
import Synchronization
import TertibRuntime
import TertibPostgres
import TestServers

/// A database of a test's own on the one cluster that the tests of this process share.
struct TestDatabase: Sendable {
    /// Started by the first test that needs it; it ends with the process.
    private static let shared = SharedCluster()

    let cluster: PostgresCluster
    let name: String
    /// Where the tables are made; `nil` for `public`.
    private var schema: String?

    init(cluster: PostgresCluster, name: String) {
        (self.cluster, self.name) = (cluster, name)
    }

    /// Makes an empty database.
    /// - Parameter settings: what `ALTER DATABASE ... SET` says about it.
    static func make(settings: [String: String] = [:]) async throws -> TestDatabase {
        let cluster = try await shared.get()
        return TestDatabase(cluster: cluster, name: try cluster.createDatabase(settings: settings))
    }

    /// Makes an empty schema in a database that others use, too: sooner made than a database.
    static func makeSchema() async throws -> TestDatabase {
        let cluster = try await shared.get()
        var database = TestDatabase(cluster: cluster, name: "postgres")
        let schema = "schema_\(schemas.withLock { $0 += 1; return $0 })"
        try database.psql("CREATE SCHEMA \(schema)")
        database.schema = schema
        return database
    }

    private static let schemas = Mutex(0)

    var url: String {
        cluster.url(of: name) + (schema.map { "&options=-csearch_path%3D\($0)" } ?? "")
    }

    /// A store, without its tables.
    func open(_ change: (inout PostgresOptions) -> Void = { _ in }) throws -> PostgresStore {
        var options = PostgresOptions(url: url)
        change(&options)
        return try PostgresStore(options: options)
    }

    /// A store with its tables.
    func migrated(_ change: (inout PostgresOptions) -> Void = { _ in }) async throws -> PostgresStore {
        let store = try open(change)
        try await store.migrate()
        return store
    }

    /// Runs statements as the superuser.
    @discardableResult
    func psql(_ statements: String) throws -> String { try cluster.psql(statements, database: name) }
}

/// Starts one cluster, however many ask for it.
private actor SharedCluster {
    private var starting: Task<PostgresCluster, any Error>?

    func get() async throws -> PostgresCluster {
        // Unstructured, because the first of several tests may be cancelled while others wait for the same cluster.
        let task = starting ?? Task { try await PostgresCluster.start() }
        starting = task
        return try await task.value
    }
}

/// Runs `body` on a store with tables in a database of its own, and closes it.
func withStore<Result: Sendable>(_ body: (PostgresStore) async throws -> Result) async throws -> Result {
    try await withDatabase { _, store in try await body(store) }
}

/// Runs `body` on a database and a store with tables in it, and closes the store.
func withDatabase<Result: Sendable>(
    settings: [String: String] = [:], _ body: (TestDatabase, PostgresStore) async throws -> Result
) async throws -> Result {
    let database = try await TestDatabase.make(settings: settings)
    let store = try await database.migrated()
    do {
        let result = try await body(database, store)
        await store.close()
        return result
    } catch {
        await store.close()
        throw error
    }
}

extension TestDatabase {
    /// Waits for connections to this database and ends them, as an administrator does; waits until they have ended.
    func throwOut(where condition: String = "true") throws {
        // In a CASE, because the parts of a condition may be looked at in any order.
        try awaitRow(
            """
            SELECT 1 FROM pg_stat_activity HAVING sum(
                CASE WHEN datname = '\(name)' AND pid <> pg_backend_pid() AND \(condition)
                THEN pg_terminate_backend(pid, 5000)::int ELSE 0 END) >= 1
            """)
    }

    /// Blocks the thread until a query has a row.
    func awaitRow(_ query: String) throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while try psql(query).isEmpty {
            guard ContinuousClock.now < deadline else { throw TestServerError("waited in vain for \(query)") }
        }
    }

    /// Holds a process of the server while `body` runs.
    func halt<Result>(_ process: Int64, _ body: () throws -> Result) throws -> Result {
        guard let id = pid_t(exactly: process), kill(id, SIGSTOP) == 0 else {
            throw TestServerError("cannot halt the backend \(process)")
        }
        defer { kill(id, SIGCONT) }
        return try body()
    }
}
