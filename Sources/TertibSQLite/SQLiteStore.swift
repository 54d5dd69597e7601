import Dispatch
import GRDB
import Synchronization
public import TertibRuntime
import TertibCore

/// A service's database in one SQLite file: the embedded default.
///
/// Several replicas, as processes on one machine, may share the file. One connection writes, on a thread of its own;
/// others read snapshots beside it and block no writer. The file is in write-ahead mode with `synchronous = FULL`: a transaction that has committed survives a power cut. Between processes
/// one transaction writes at a time, for as long as it takes; the others wait for it, each with the same chance, up to
/// ``SQLiteOptions/busyTimeout``, and then fail as a conflict.
///
/// Safe to use from any task. Cancelling a task does not interrupt a transaction that it waits for.
public final class SQLiteStore: ConsumerStore {
    private let writer: Connection
    private let readers: ReaderPool
    private let time: any TimeSource
    private let isClosed = Mutex(false)

    /// Opens the file, and creates it if there is none; the tables are ``migrate()``'s.
    /// - Parameters:
    ///   - path: A file on a local disk, in a folder that exists.
    ///   - options: How the file is used.
    ///   - time: The database's clock.
    /// - Throws: ``StoreError``: `unavailable` (it cannot be opened or written), `conflict` (it stays busy), `corrupt`
    ///   (it is no database), `schema` (its tables are newer than this code).
    public init(
        path: String, options: SQLiteOptions = SQLiteOptions(), time: any TimeSource = SystemTime()
    ) async throws(StoreError) {
        let opened = await withCheckedContinuation { continuation in
            // Opening waits for locks, which must not happen on the cooperative pool.
            DispatchQueue.global().async {
                continuation.resume(
                    returning: Result { () throws(StoreError) in
                        (
                            writer: try Connection.openWriter(path: path, options: options),
                            readers: try ReaderPool(path: path, options: options)
                        )
                    })
            }
        }
        (writer, readers) = try opened.get()
        self.time = time
        do {
            try await writer.run { try Migrator(database: $0.database).refuseNewer() }
        } catch {
            await close()
            throw StoreError(wrapping: error, attempted: "open the database \(path)")
        }
    }

    /// Creates or upgrades the tables, in one transaction; does not write when they are as they should be.
    public func migrate() async throws {
        let now = time.wall
        try await withOpen("create or upgrade the tables") {
            try await writer.run { connection in
                do {
                    try Migrator(database: connection.database).migrate(now: now)
                } catch {
                    throw StoreError(wrapping: error, attempted: "create or upgrade the tables")
                }
            }
        }
    }

    /// Runs `body` in the only transaction that writes at this time (`BEGIN IMMEDIATE`), and commits.
    ///
    /// A transaction in which the database has failed once never commits, even when the body has swallowed the error.
    public func transaction<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result {
        try await withOpen("begin a transaction") {
            try await writer.run { [time] connection in
                try SQLiteTransaction.run(on: connection, time: time, body)
            }
        }
    }

    /// Runs `body` on one snapshot; statements that write are refused.
    public func read<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreReader) throws -> Result
    ) async throws -> Result {
        try await withOpen("read") {
            try await readers.read { [time] connection in try body(SQLiteReader(connection, time: time)) }
        }
    }

    /// Closes the connections, after the transactions that run.
    public func close() async {
        let isFirst = isClosed.withLock { isClosed in
            defer { isClosed = true }
            return !isClosed
        }
        guard isFirst else { return }
        await readers.close()
        await writer.close()
    }

    private func withOpen<Result>(_ attempted: String, _ body: () async throws -> Result) async throws -> Result {
        guard !isClosed.withLock({ $0 }) else {
            throw StoreError(.unavailable, attempted: attempted, reason: "the store is closed")
        }
        return try await body()
    }
}

/// How a ``SQLiteStore`` uses its file.
public struct SQLiteOptions: Hashable, Sendable {
    /// How long opening, a transaction or a read waits for another process, before it fails as a conflict.
    public var busyTimeout: Duration
    /// How many snapshots can be read at the same time.
    public var readers: Int

    /// Creates options; there is at least one reader.
    public init(busyTimeout: Duration = .seconds(5), readers: Int = 2) {
        self.busyTimeout = busyTimeout
        self.readers = max(1, readers)
    }
}
