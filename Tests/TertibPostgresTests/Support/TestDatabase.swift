import Synchronization
import Tertib
import TertibPostgres
import TestServers

/// A database of a test's own on the one cluster that the tests of this process share.
struct TestDatabase: Sendable {
    /// Started by the first test that needs it; it ends with the process.
    private static let shared = SharedCluster()

    let cluster: PostgresCluster
    let name: String

    /// Makes an empty database.
    /// - Parameter settings: what `ALTER DATABASE ... SET` says about it.
    static func make(settings: [String: String] = [:]) async throws -> TestDatabase {
        let cluster = try await shared.get()
        return TestDatabase(cluster: cluster, name: try cluster.createDatabase(settings: settings))
    }

    var url: String { cluster.url(of: name) }

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
