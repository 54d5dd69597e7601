import Synchronization
import TertibPostgres
import TestServers

/// Counts how often the clients of a relay wait for the server: after each simple query, and each end of a pipeline.
/// The relay ends with the last reference.
///
/// It reads the wire (PostgreSQL manual, "Message Formats"), so that it knows nothing of how the store counts.
final class RoundTrips: Sendable {
    /// A number that several threads raise.
    private final class Total: Sendable {
        let value = Mutex(0)
    }

    private let total = Total()
    private let relay: CuttingRelay
    private let url: String

    /// Starts a relay before the server of a database.
    init(to database: TestDatabase) throws {
        let total = total
        relay = try CuttingRelay(to: database.cluster.port) {
            var stream = Stream()
            return { bytes in
                let waits = stream.waits(after: bytes)
                total.value.withLock { $0 += waits }
            }
        }
        url = database.cluster.url(of: database.name, port: relay.port)
    }

    /// How often they have waited until now.
    var count: Int { total.value.withLock { $0 } }

    /// A store whose connections are counted.
    func store() throws -> PostgresStore { try PostgresStore(options: PostgresOptions(url: url)) }

    /// The messages of one connection.
    private struct Stream {
        private static let query = UInt8(ascii: "Q")
        private static let sync = UInt8(ascii: "S")
        /// What asks for TLS or GSSAPI instead of beginning.
        private static let requests: Set<UInt32> = [80_877_103, 80_877_104]
        private var bytes: [UInt8] = []
        private var hasBegun = false

        /// Takes what arrives; returns how many of the messages that it completes the client waits after.
        mutating func waits(after more: ArraySlice<UInt8>) -> Int {
            bytes += more
            var waits = 0
            var start = 0
            while true {
                let header = hasBegun ? 1 : 0
                guard bytes.count >= start + header + 4 else { break }
                let length = number(at: start + header)
                let end = start + header + Int(length)
                guard bytes.count >= end else { break }
                if hasBegun {
                    if [Self.query, Self.sync].contains(bytes[start]) { waits += 1 }
                } else {
                    hasBegun = !Self.requests.contains(number(at: start + 4))
                }
                start = end
            }
            bytes.removeFirst(start)
            return waits
        }

        private func number(at index: Int) -> UInt32 {
            bytes[index..<index + 4].reduce(0) { $0 << 8 | UInt32($1) }
        }
    }
}
