public import TertibRuntime

/// What a check of ``ConsumerStoreConformance`` runs on: one fresh database, opened as often as the check likes.
public struct ConsumerStoreFixture: Sendable {
    private let open: @Sendable () async throws -> any ConsumerStore

    /// Creates a fixture.
    /// - Parameter open: Opens the fixture's database, as one more replica would. The first call finds it without
    ///   tables. The check closes what it opened; deleting the database is the caller's.
    public init(open: @escaping @Sendable () async throws -> any ConsumerStore) {
        self.open = open
    }

    /// Opens, migrates and afterwards closes a store.
    func withStore(_ body: (any ConsumerStore) async throws -> Void) async throws {
        let store = try await open()
        do {
            try await store.migrate()
            try await body(store)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    /// Opens, migrates and afterwards closes two stores on the one database.
    func withTwoStores(_ body: (any ConsumerStore, any ConsumerStore) async throws -> Void) async throws {
        try await withStore { first in
            try await withStore { second in try await body(first, second) }
        }
    }

    /// Opens a store without tables, for the checks of the migration itself.
    func opened() async throws -> any ConsumerStore { try await open() }
}
