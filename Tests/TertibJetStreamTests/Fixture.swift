import Logging
import Synchronization
import TertibCore
import TertibJetStream
import TestServers
import TertibRuntime

/// A server of a test's own.
struct Fixture {
    let server: NatsServer

    /// Runs a test with a server, which is stopped at its end and not before.
    static func with(
        _ binary: NatsServer.Binary, configuration: String = "", jetStream: String? = "",
        _ body: (Fixture) async throws -> Void
    ) async throws {
        let server = try await NatsServer.start(binary, configuration: configuration, jetStream: jetStream)
        defer { server.kill() }
        try await body(Fixture(server: server))
    }

    func options() throws -> JetStreamOptions {
        var options = JetStreamOptions(
            servers: [server.url], stream: try StreamName("SHOP"), namespace: try Namespace("shop"))
        options.pullHeartbeat = .milliseconds(500)
        return options
    }

    /// A log with its stream.
    func log(_ change: (inout JetStreamOptions) -> Void = { _ in }) async throws -> JetStreamLog {
        let log = try await connectedLog(change)
        try await log.prepareStream()
        return log
    }

    func connectedLog(_ change: (inout JetStreamOptions) -> Void = { _ in }) async throws -> JetStreamLog {
        var options = try options()
        change(&options)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let log = try JetStreamLog.open(options, logger: logger)
        try await log.waitUntilConnected(within: .seconds(20))
        return log
    }

    func raw() throws -> RawNatsClient { try RawNatsClient(port: server.port) }
}

/// A message with an id, on `shop.product.<id>`.
func message(_ aggregate: String, _ id: String, body: [UInt8] = Array("{}".utf8)) -> WireMessage {
    WireMessage(
        subject: "shop.product.\(aggregate)",
        headers: [HeaderField("ce-id", id), HeaderField("ce-aggregateversion", "1")], body: body)
}

func subscription(_ name: String = "orders-orders", store: String = "store-1") -> Subscription {
    Subscription(durableName: name, storeID: store)
}

extension PublishOutcome {
    var sequence: UInt64? { if case .stored(let sequence, _) = self { sequence.number } else { nil } }
    var refusal: EventLogError? { if case .refused(let error) = self { error } else { nil } }
}

extension DeliverySource {
    /// Takes deliveries until there are `count`, acknowledging each when asked to.
    func collect(
        _ count: Int, acknowledging: Bool = true, within limit: Duration = .seconds(30)
    ) async throws -> [Delivery] {
        var collected: [Delivery] = []
        try await waitUntil("\(count) deliveries", within: limit) {
            let arrived = try await next(upTo: 1000, waiting: .milliseconds(200))
            if acknowledging { await answer(.acknowledge, to: arrived) }
            collected += arrived
            return collected.count >= count
        }
        return collected
    }
}

/// Counts from 1, from any task.
final class Counter: Sendable {
    private let count = Atomic(0)

    func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}
