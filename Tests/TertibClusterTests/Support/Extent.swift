import Foundation
import TestServers

/// How much of the clusters' tests is run: `make test` runs a short share, `make test-servers` everything.
enum Extent {
    static let isFull = ProcessInfo.processInfo.environment["TERTIB_SERVER_TESTS"] == "full"
}

extension NatsServer {
    /// The newest server to test with.
    static let newest = binaries.max { $0.isBefore($1.version) }
}

extension NatsServer.Binary {
    /// Whether this is an older server than one of `version`.
    func isBefore(_ version: String) -> Bool {
        self.version.compare(version, options: .numeric) == .orderedAscending
    }
}
