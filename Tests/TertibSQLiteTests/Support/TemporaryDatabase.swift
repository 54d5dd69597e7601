import Foundation
import Synchronization
import TertibRuntime
import TertibCore
import TertibSQLite

/// A database file in a folder of its own, removed with this object.
final class TemporaryDatabase: Sendable {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "tertib-sqlite-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit {
        // A folder that is left behind in the temporary directory harms no other test.
        try? FileManager.default.removeItem(at: folder)
    }

    var path: String { folder.appending(path: "store.sqlite").path }

    /// Opens a store, without creating its tables.
    func open(busyTimeout: Duration = .seconds(20), time: any TimeSource = SystemTime()) async throws -> SQLiteStore {
        try await SQLiteStore(path: path, options: SQLiteOptions(busyTimeout: busyTimeout), time: time)
    }

    /// Opens a store with its tables.
    func migrated(
        busyTimeout: Duration = .seconds(20), time: any TimeSource = SystemTime()
    ) async throws -> SQLiteStore {
        let store = try await open(busyTimeout: busyTimeout, time: time)
        try await store.migrate()
        return store
    }
}

/// Runs `body` on a store with tables in a file of its own, and closes it.
func withStore<Result: Sendable>(
    time: any TimeSource = SystemTime(), _ body: (SQLiteStore) async throws -> Result
) async throws -> Result {
    let database = try TemporaryDatabase()
    let store = try await database.migrated(time: time)
    do {
        let result = try await body(store)
        await store.close()
        return result
    } catch {
        await store.close()
        throw error
    }
}

/// A clock that tests move.
final class TestTime: TimeSource {
    private let current = Mutex(Timestamp(microseconds: 1_800_000_000_000_000))

    var monotonic: Duration { .microseconds(wall.microseconds) }
    var wall: Timestamp { current.withLock { $0 } }

    func sleep(for duration: Duration) async throws {
        advance(by: duration)
    }

    func advance(by duration: Duration) {
        current.withLock { $0 = $0.advanced(by: duration) }
    }
}
