import GRDB
import Synchronization
import TertibRuntime

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
        _ body: @escaping @Sendable (Database, StatementCache) throws -> Result
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
