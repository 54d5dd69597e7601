import Foundation
import Logging
import TertibRuntime
import TertibCore
import TertibJetStream
import TestServers
import Testing

@testable import TertibConfiguration

@Suite("Opening a configuration")
struct OpeningTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Writes a configuration of the service `shop`, with a consumer of its own events.
    func configure(_ server: String, nats: String = "") throws -> String {
        try directory.write(
            """
            {
              "service": "shop",
              "nats": { "servers": ["\(server)"] \(nats) },
              "stream": { "name": "SHOP", "namespace": "shop" },
              "store": { "kind": "sqlite", "path": "shop.sqlite" },
              "consumers": { "copy": { "aggregates": { "product": {} } } },
              "publishes": { "product": "outbox", "order": "append" }
            }
            """, to: "shop.json")
    }

    /// Stages two versions of a product, and waits until the consumer has applied them.
    func publishAndApply(_ tertib: EventBus) async throws -> [SQLRow] {
        let product = try Aggregate(parsing: "product/42")
        let consumer = try tertib.consumer("copy", handlers: .replica)
        return try await withThrowingTaskGroup(of: Void.self) { relay in
            relay.addTask { try await tertib.run() }
            // The consumer ends before log and store are closed, as in a service group.
            let rows = try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await consumer.run() }
                let rows = try await stageAndWait(tertib, product)
                group.cancelAll()
                try await group.waitForAll()
                return rows
            }
            relay.cancelAll()
            try await relay.waitForAll()
            return rows
        }
    }

    private func stageAndWait(_ tertib: EventBus, _ product: Aggregate) async throws -> [SQLRow] {
        var version = AggregateVersion.none
        for price in [10, 20] {
            let expected = version
            version = try await tertib.transaction { transaction in
                try transaction.stage(Priced(price: price), for: product, expecting: expected)
            }
        }
        let token = VersionToken(aggregate: product, version: version)
        try await tertib.wait(for: token, consumer: "copy", timeout: .seconds(30))
        return try await tertib.store.read { reader in
            try reader.query("SELECT version, data FROM tertib_replica", arguments: [])
        }
    }

    @Test("gives a service that publishes to a real broker and applies into its database")
    func givesAService() async throws {
        let server = try await NatsServer.start()
        defer { server.kill() }
        let tertib = try await EventBus.open(configuration: try configure(server.url), logger: .silent)
        let rows = try await publishAndApply(tertib)
        #expect(rows.count == 1)
        #expect(rows.first?["version"] == .integer(2))
        #expect(FileManager.default.fileExists(atPath: "\(directory.path)/shop.sqlite"))
    }

    @Test("does not wait for a broker that is away: the loops do, and go on when it comes")
    func doesNotWait() async throws {
        let server = try await NatsServer.start()
        server.stop()
        let tertib = try await EventBus.open(configuration: try configure(server.url), logger: .silent)
        async let rows = publishAndApply(tertib)
        try await server.restart()
        #expect(try await rows.count == 1)
        server.kill()
    }

    @Test("prepares the stream before its first use, once for all who come at the same time")
    func preparesTheStream() async throws {
        let server = try await NatsServer.start()
        defer { server.kill() }
        let tertib = try await EventBus.open(configuration: try configure(server.url), logger: .silent)
        let names = try await withThrowingTaskGroup(of: StreamName.self) { group in
            for _ in 0..<50 { group.addTask { try await tertib.log.state().name } }
            return try await group.reduce(into: [StreamName]()) { $0.append($1) }
        }
        #expect(names == Array(repeating: try StreamName("SHOP"), count: 50))
        let receipts = try await tertib.append(
            [NewEvent(type: try EventType("order.placed"), json: Array("{}".utf8))],
            to: try Aggregate(parsing: "order/1"), expecting: AggregateVersion.none)
        #expect(receipts.map(\.version.number) == [1])
        await tertib.close()
    }

    @Test("prepares the stream again after a failure")
    func preparesAgain() async throws {
        let server = try await NatsServer.start()
        defer { server.kill() }
        server.stop()
        let options = try ServiceConfiguration.load(try configure(server.url)).jetStreamOptions
        let log = PreparedLog(
            try JetStreamLog.open(options, logger: .silent), connectionLimit: .milliseconds(50))
        let error = await #expect(throws: EventLogError.self) { try await log.state() }
        #expect(error?.code == .unavailable)
        try await server.restart()
        try await waitUntil("the stream to be prepared") {
            do {
                return try await log.state().name == options.stream
            } catch let error as EventLogError where error.isRetriable {
                return false
            }
        }
        await log.close()
    }

    @Test("under check, refuses a stream that is not there, and tries again when asked again")
    func checksOnly() async throws {
        let server = try await NatsServer.start()
        defer { server.kill() }
        let path = try configure(server.url)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let checking = try directory.write(
            text.replacing("\"namespace\": \"shop\"", with: "\"namespace\": \"shop\", \"manage\": \"check\""),
            to: "checking.json")
        let checked = try await EventBus.open(configuration: checking, logger: .silent)
        let error = await #expect(throws: EventLogError.self) { try await checked.log.state() }
        #expect(error?.code == .streamGone)
        let creating = try await EventBus.open(configuration: path, logger: .silent)
        _ = try await creating.log.state()
        #expect(try await checked.log.state().name.text == "SHOP")
        await checked.close()
        await creating.close()
    }

    @Test("authenticates with the secret in the file")
    func authenticates() async throws {
        let server = try await NatsServer.start(
            configuration: "authorization { user: shop, password: \"canary-4711\" }")
        defer { server.kill() }
        try directory.write("canary-4711\n", to: "password")
        let nats = #", "authentication": { "kind": "password", "user": "shop", "passwordFile": "password" }"#
        let tertib = try await EventBus.open(configuration: try configure(server.url, nats: nats), logger: .silent)
        #expect(try await tertib.log.state().name.text == "SHOP")
        await tertib.close()
    }

    @Test("with a mistake opens nothing")
    func opensNothing() async throws {
        let path = try configure("nats://127.0.0.1:1", nats: ", \"serverz\": []")
        await #expect(throws: ConfigurationError.self) { try await EventBus.open(configuration: path, logger: .silent) }
        #expect(!FileManager.default.fileExists(atPath: "\(directory.path)/shop.sqlite"))
    }

    @Test("fails when the database is none")
    func failsWithoutDatabase() async throws {
        try directory.write(String(repeating: "this is no database ", count: 100), to: "shop.sqlite")
        let path = try configure("nats://127.0.0.1:1")
        await #expect(throws: StoreError.self) { try await EventBus.open(configuration: path, logger: .silent) }
    }
}

/// An event of the tests.
private struct Priced: DomainEvent {
    static let eventType = "product.priced"
    let price: Int
}

extension Logger {
    /// A logger for tests in which errors are expected.
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
