import Testing
import TertibCore
import TertibTesting

@testable import TertibRuntime

/// Status and explanation of a service, on a log and a store in memory.
struct InspectionTests {
    private let log: MemoryLog
    private let store = MemoryStore()
    private let tertib: EventBus
    private let events: EventFactory

    init() throws {
        log = try MemoryLog()
        events = try EventFactory()
        let name = try ConsumerName("orders")
        tertib = try EventBus(
            options: EventBusOptions(
                service: try ServiceName("shop"), namespace: try Namespace("shop"),
                consumers: [name: ConsumerSettings(name: name, aggregates: [try AggregateType("product")])],
                publishes: [try AggregateType("order"): .outbox]),
            log: log, store: store)
    }

    private func publish(_ aggregate: String, _ version: Int) async throws {
        _ = await log.publish(
            try events.message(try Aggregate(parsing: aggregate), version: try Make.version(version)), expecting: .any)
    }

    @Test("Before the first replica everything is to come")
    func fresh() async throws {
        try await publish("product/1", 1)
        try await publish("product/1", 2)
        let status = try await tertib.status()
        #expect(status.stream.messages == 2)
        #expect(status.consumers.map(\.lag) == [2])
        #expect(status.consumers[0].durable == nil)
        #expect(status.oldestStagedAge == nil)
    }

    @Test("Lag is what is to be delivered and what is to be acknowledged")
    func lag() async throws {
        for version in 1...5 { try await publish("product/1", version) }
        let source = try await log.subscribe(Subscription(durableName: "shop-orders", storeID: "store"))
        let deliveries = try await source.next(upTo: 3, waiting: .seconds(10))
        await source.answer(.acknowledge, to: Array(deliveries.prefix(1)))
        let status = try await tertib.status()
        #expect(status.consumers[0].lag == 4)
        await source.close()
    }

    @Test("What is staged shows in status and explain")
    func staged() async throws {
        let order = try Aggregate(parsing: "order/7")
        _ = try await tertib.transaction { transaction in
            try transaction.stage(
                try NewEvent(type: try EventType("order.placed"), json: Array("{}".utf8)), for: order)
        }
        let status = try await tertib.status()
        #expect(status.outbox.rows == 1)
        #expect(status.oldestStagedAge != nil)
        let explanation = try await tertib.explain(order)
        #expect(explanation.outbox.map(\.version) == [.first])
        #expect(explanation.head?.version == .first)
        #expect(explanation.consumers.isEmpty)
    }

    @Test("Explain finds the missing version, also where stream order is not version order")
    func explain() async throws {
        for version in [1, 4, 3, 2] { try await publish("product/1", version) }
        let explanation = try await tertib.explain(try Aggregate(parsing: "product/1"))
        #expect(explanation.stream.lastVersion == (try Make.version(4)))
        #expect(explanation.stream.lastSequence == StreamSequence(4))
        #expect(explanation.consumers.map(\.next) == [StreamSequence(1)])
        #expect(explanation.consumers[0].watermark == nil)
        let nothing = try await tertib.explain(try Aggregate(parsing: "product/none"))
        #expect(nothing.stream.lastVersion == .none)
    }
}
