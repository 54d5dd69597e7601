import TestServers
import Testing

@testable import TertibLab

@Suite("The version of a nats-server")
struct BrokerVersionTests {
    @Test("is what the server says, and decides whether a subject may be purged")
    func version() async throws {
        for binary in NatsServer.binaries {
            let version = try #require(try await Broker.version(of: binary.path))
            #expect(version.split(separator: ".").count >= 3, "\(version)")
        }
        for (version, isSafe) in [
            ("2.9.10", false), ("2.14.6", false), ("2.15.0", true), ("2.15.1-RC.1", true), ("3.0.0", true),
            ("odd", false),
        ] {
            #expect(Broker.purgesSafely(version) == isSafe, "\(version)")
        }
    }
}
