import Foundation
import Logging
import Synchronization
import TertibConfiguration
import TestServers
import Testing

@testable import TertibLab

@Suite("A throwaway PostgreSQL server")
struct ThrowawayPostgresTests {
    private let environment = ProcessInfo.processInfo.environment
    /// The server's; a session of the store has its own.
    private static let serversIsolation =
        "SELECT reset_val FROM pg_settings WHERE name = 'default_transaction_isolation'"

    @Test("takes the password, keeps what was committed over an immediate shutdown, and leaves nothing behind")
    func lives() async throws {
        let workspace = try Workspace(purpose: "tertib-test")
        let server = try await ThrowawayPostgres.make(
            in: workspace, environment: environment, settings: ["default_transaction_isolation": "serializable"])
        async let ended: Void = server.run()
        try await server.waitUntilReady()
        try await server.createDatabase("orders")
        let orders = PostgresDatabases(url: server.url(of: "orders"), passwordFile: server.passwordFile)
        #expect(try await orders.run("SELECT current_user, current_setting('is_superuser')") == [["tertib", "off"]])
        #expect(try await orders.run(Self.serversIsolation) == [["serializable"]])
        try await orders.run("CREATE TABLE t AS SELECT 7 AS number")
        await #expect(throws: (any Error).self) {
            try await PostgresDatabases(url: server.url(of: "orders")).run("SELECT 1")
        }
        let attributes = try FileManager.default.attributesOfItem(atPath: server.passwordFile)
        #expect(attributes[.posixPermissions] as? Int == 0o600)

        let port = server.portNumber
        #expect(server.crash(restartingAfter: .milliseconds(10)))
        try await server.waitUntilReady()
        #expect(server.portNumber == port)
        #expect(try await orders.run("SELECT number, NULL FROM t") == [["7", nil]])

        try await server.administration.drop("orders")
        #expect(
            try await server.administration.run("SELECT COUNT(*) FROM pg_database WHERE datname = 'orders'") == [["0"]])
        server.end()
        try await ended
        try workspace.remove()
        #expect(!FileManager.default.fileExists(atPath: workspace.folder))
    }

    @Test("its line in a service's JSON file is read")
    func configuration() async throws {
        let workspace = try Workspace(purpose: "tertib-test")
        let server = try await ThrowawayPostgres.make(in: workspace, environment: environment)
        async let ended: Void = server.run()
        try await server.waitUntilReady()
        let configuration = """
            { "service": "orders", "nats": { "servers": ["nats://127.0.0.1:4222"] },
              "stream": { "name": "SHOP", "namespace": "shop" }, "store": \(server.configuration(of: "orders")) }
            """
        try workspace.write(configuration, to: "orders.json")
        #expect(throws: Never.self) { try ServiceConfiguration.load(workspace.path("orders.json")) }
        server.end()
        try await ended
        try workspace.remove()
    }

    @Test("says which package to install where there is none")
    func missing() throws {
        let folder = try TemporaryDirectory()
        let error = try #require(throws: LabError.self) {
            try PostgresPrograms(environment: ["PATH": folder.path], root: folder.path)
        }
        #expect(error.advice.contains("apt-get install postgresql"))
        #expect(error.isUnusable)
    }

    @Test("takes the newest version that Debian has installed")
    func newest() throws {
        let folder = try TemporaryDirectory()
        for version in ["9.6", "13", "15"] {
            let programs = "\(folder.path)/\(version)/bin"
            try FileManager.default.createDirectory(atPath: programs, withIntermediateDirectories: true)
            for name in version == "15" ? ["initdb"] : ["initdb", "postgres"] {
                #expect(
                    FileManager.default.createFile(
                        atPath: "\(programs)/\(name)", contents: nil, attributes: [.posixPermissions: 0o755]))
            }
        }
        let programs = try PostgresPrograms(environment: [:], root: folder.path)
        #expect(programs.folder == "\(folder.path)/13/bin")
    }
}
