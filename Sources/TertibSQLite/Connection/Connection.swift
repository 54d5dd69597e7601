import Dispatch
import GRDB
import Synchronization
import TertibRuntime

/// One connection with its thread: what is handed to it runs in the order of arrival, never on the cooperative pool.
///
/// - Note: `@unchecked Sendable`: `statements`, `control` and `isClosed` are touched only by closures that run on
///   `queue`'s serial dispatch queue.
final class Connection: @unchecked Sendable {
    /// What work on the connection's thread has to work with.
    struct Access {
        let database: Database
        let statements: StatementCache
        let control: TransactionGuard
    }

    private let queue: DatabaseQueue
    private let statements = StatementCache()
    private let control = TransactionGuard()
    private var isClosed = false

    private init(_ queue: DatabaseQueue) {
        self.queue = queue
    }

    /// Opens the connection that writes, creating the file if there is none, and sets it up.
    static func openWriter(path: String, options: SQLiteOptions) throws(StoreError) -> Connection {
        let attempted = "open the database \(path)"
        return try BusyWait.retrying(upTo: options.busyTimeout) { () throws(StoreError) in
            try mapping(attempted) {
                let queue = try DatabaseQueue(
                    path: path, configuration: configuration("tertib.sqlite.writer", options: options))
                let connection = Connection(queue)
                try queue.writeWithoutTransaction { database in
                    try setUp(database)
                    connection.control.install(on: database)
                }
                return connection
            }
        }
    }

    /// Opens a connection that reads.
    ///
    /// The writer's must be open already: it has created the file and its log.
    static func openReader(path: String, options: SQLiteOptions) throws(StoreError) -> Connection {
        var configuration = configuration("tertib.sqlite.reader", options: options)
        configuration.readonly = true
        return try BusyWait.retrying(upTo: options.busyTimeout) { [configuration] () throws(StoreError) in
            try mapping("open the database \(path)") {
                Connection(try DatabaseQueue(path: path, configuration: configuration))
            }
        }
    }

    /// Runs `body` on the connection's thread.
    ///
    /// A task that is cancelled waits all the same: the outcome of a transaction is always reported.
    func run<Result: Sendable>(_ body: @escaping @Sendable (Access) throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.asyncWriteWithoutTransaction { database in
                continuation.resume(
                    with: Swift.Result {
                        try self.requireOpen()
                        return try body(
                            Access(database: database, statements: self.statements, control: self.control))
                    })
            }
        }
    }

    /// Runs `body` on the connection's thread, in a transaction that sees one snapshot.
    func read<Result: Sendable>(_ body: @escaping @Sendable (Access) throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.asyncRead { database in
                continuation.resume(
                    with: Swift.Result {
                        try self.requireOpen()
                        return try body(
                            Access(database: database.get(), statements: self.statements, control: self.control))
                    })
            }
        }
    }

    /// Closes the connection, after what was handed to it.
    func close() async {
        await withCheckedContinuation { continuation in
            // Closing waits for what was handed to the connection, which must not happen on the cooperative pool.
            DispatchQueue.global().async { [self] in
                queue.writeWithoutTransaction { _ in
                    isClosed = true
                    statements.removeAll()
                }
                // Only a statement that is still open could keep the connection from closing, and there is none; the
                // connection then closes when it is deallocated.
                try? queue.close()
                continuation.resume()
            }
        }
    }

    private func requireOpen() throws(StoreError) {
        guard !isClosed else {
            throw StoreError(.unavailable, attempted: "use the database", reason: "the store is closed")
        }
    }

    private static func configuration(_ label: String, options: SQLiteOptions) -> Configuration {
        var configuration = Configuration()
        configuration.label = label
        let wait = BusyWait(limit: options.busyTimeout)
        configuration.busyMode = .callback { wait.wait(attempt: $0) }
        // The store ends its transactions itself, and one that cannot be ended is no reason to end the process.
        configuration.allowsUnsafeTransactions = true
        return configuration
    }

    private static func setUp(_ database: Database) throws {
        guard try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL") == "wal" else {
            throw StoreError(
                .unavailable, attempted: "switch the database to a write-ahead log",
                reason: "this kind of database or file system does not have it",
                advice: "Give the store a file on a local disk.")
        }
        // With NORMAL a commit that was acknowledged to the broker could be gone after a power cut.
        try database.execute(sql: "PRAGMA synchronous = FULL")
        guard try Int.fetchOne(database, sql: "PRAGMA synchronous") == 2 else {
            throw StoreError(
                .unavailable, attempted: "set synchronous = FULL", reason: "the database does not take it")
        }
        // Room, in KiB, for the pages that a batch touches; else SQLite would write them twice.
        try database.execute(sql: "PRAGMA cache_size = -32768")
        // Pages of log, 40 MB, before a commit has to copy it into the file: what many batches write is copied once.
        try database.execute(sql: "PRAGMA wal_autocheckpoint = 10000")
    }

    private static func mapping<Result>(_ attempted: String, _ body: () throws -> Result) throws(StoreError) -> Result {
        do {
            return try body()
        } catch let error as DatabaseError where error.resultCode == .SQLITE_NOTADB {
            throw StoreError(.corrupt, attempted: attempted, reason: "the file is no SQLite database")
        } catch {
            throw StoreError(wrapping: error, attempted: attempted)
        }
    }
}

/// A fixed number of connections that read, each with its own thread; a read goes to the one with the least to do.
final class ReaderPool: Sendable {
    private let connections: [Connection]
    private let waiting: Mutex<[Int]>

    init(path: String, options: SQLiteOptions) throws(StoreError) {
        var connections: [Connection] = []
        for _ in 0..<options.readers {
            connections.append(try Connection.openReader(path: path, options: options))
        }
        self.connections = connections
        waiting = Mutex(Array(repeating: 0, count: connections.count))
    }

    func read<Result: Sendable>(
        _ body: @escaping @Sendable (Connection.Access) throws -> Result
    ) async throws -> Result {
        let index = waiting.withLock { waiting in
            let index = waiting.indices.min { waiting[$0] < waiting[$1] } ?? 0
            waiting[index] += 1
            return index
        }
        defer { waiting.withLock { $0[index] -= 1 } }
        do {
            return try await connections[index].read(body)
        } catch let error as DatabaseError {
            throw StoreError(error, attempted: "begin to read")
        }
    }

    func close() async {
        for connection in connections { await connection.close() }
    }
}
