import Foundation
import TertibSQLite
import TestServers

@testable import TertibRuntime

/// A service with a broker and a database of its own, used through the command line.
struct Bench: Sendable {
    let server: NatsServer
    let directory: TemporaryDirectory
    let configuration: String

    /// Starts a broker, and writes the service's configuration.
    static func start(
        service: String = "trial", publishes: String = #"{"product":"append"}"#, more: String = ""
    ) async throws -> Bench {
        try Bench(
            server: try await NatsServer.start(), service: service, publishes: publishes, more: more)
    }

    /// Another service on the same broker.
    func other(_ service: String) throws -> Bench {
        try Bench(server: server, service: service, publishes: "{}", more: "")
    }

    private init(server: NatsServer, service: String, publishes: String, more: String) throws {
        self.server = server
        directory = try TemporaryDirectory()
        configuration = try directory.write(
            """
            { "service": "\(service)", "nats": { "servers": ["\(server.url)"] },
              "stream": { "name": "SHOP", "namespace": "shop", "manage": "create" },
              "store": { "kind": "sqlite", "path": "trial.sqlite" }, \(more)
              "publishes": \(publishes) }
            """, to: "trial.json")
    }

    /// Runs a verb to its end.
    func run(
        _ arguments: String..., environment: [String: String] = [:], input: String? = nil
    ) async throws -> Tool.Outcome {
        try await Tool.tertib.run(arguments + ["--config", configuration], environment: environment, input: input)
    }

    /// Publishes one event, with an expectation or without.
    func publish(
        _ aggregate: String, data: String = "{}", expecting version: Int? = nil
    ) async throws -> Tool.Outcome {
        try await Tool.tertib.run(
            ["publish", "--config", configuration, "--json", "--aggregate", aggregate, "--type", "product.priced"]
                + ["--data", data] + (version.map { ["--expected-version", "\($0)"] } ?? []))
    }

    /// Starts a replica.
    func replicate(_ arguments: String...) throws -> RunningTool {
        try Tool.tertib.start(["replicate", "--config", configuration] + arguments)
    }

    /// Waits until a replica has applied a version.
    func wait(for token: String) async throws -> Tool.Outcome {
        try await Tool.tertib.run("wait", token, "--config", configuration, "--timeout", "30s")
    }

    /// Rows of the service's database.
    func rows(_ sql: String) async throws -> [SQLRow] {
        let store = try await SQLiteStore(path: "\(directory.path)/trial.sqlite")
        do {
            let rows = try await store.read { try $0.query(sql, arguments: []) }
            await store.close()
            return rows
        } catch {
            await store.close()
            throw error
        }
    }

    /// Changes the service's database, as somebody with a database client would.
    func change(_ sql: String) async throws {
        let store = try await SQLiteStore(path: "\(directory.path)/trial.sqlite")
        do {
            try await store.transaction { _ = try $0.execute(sql, arguments: []) }
            await store.close()
        } catch {
            await store.close()
            throw error
        }
    }
}
