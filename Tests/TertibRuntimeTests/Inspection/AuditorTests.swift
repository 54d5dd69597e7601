import Foundation
import Testing
import TertibCore
import TertibTesting

@testable import TertibRuntime

/// Audits of real watermarks against a log in memory.
struct AuditorTests {
    /// A service with one consumer, its log and its store.
    private struct Bench {
        let log: MemoryLog
        let store: MemoryStore
        let tertib: EventBus
        let consumer: ConsumerName
        let events: EventFactory

        init(log: MemoryLog? = nil, aggregates: Set<AggregateType>? = nil) throws {
            let namespace = try Namespace("shop")
            self.log = try log ?? MemoryLog()
            store = MemoryStore()
            consumer = try ConsumerName("replica")
            tertib = try EventBus(
                options: EventBusOptions(
                    service: try ServiceName("orders"), namespace: namespace,
                    consumers: [consumer: ConsumerSettings(name: consumer, aggregates: aggregates)]),
                log: self.log, store: store)
            events = try EventFactory()
        }

        func publish(_ aggregate: String, _ versions: ClosedRange<Int>) async throws {
            for version in versions {
                let message = try events.message(
                    try Aggregate(parsing: aggregate), version: try Make.version(version))
                _ = await log.publish(message, expecting: .any)
            }
        }

        /// Runs the consumer until everything is delivered and acknowledged.
        func consume() async throws {
            let running = try tertib.consumer(consumer.text, handlers: Handlers())
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await running.run() }
                group.addTask { try await log.waitUntilSettled(consumer: "orders-replica") }
                try await group.next()
                group.cancelAll()
                try await group.waitForAll()
            }
        }

        /// Changes a watermark as somebody with a database client would.
        func change(_ aggregate: String, _ body: @escaping @Sendable (inout Watermark) -> Void) async throws {
            let aggregate = try Aggregate(parsing: aggregate)
            let consumer = consumer
            try await store.transaction { transaction in
                let known = try transaction.watermarks(consumer, of: [aggregate])
                guard var row = try transaction.claim(consumer, Array(known.values))[aggregate] else {
                    throw StoreError(.statement, attempted: "change a watermark", reason: "there is none")
                }
                body(&row)
                try transaction.write(consumer, [row])
            }
        }

        func audit() async throws -> Audit { try await Auditor(services: [tertib], readsInFlight: 4).run() }
    }

    @Test("A consumer that has applied everything is ok")
    func ok() async throws {
        let bench = try Bench()
        for number in 1...30 { try await bench.publish("product/\(number)", 1...10) }
        try await bench.consume()
        let audit = try await bench.audit()
        #expect(audit.isOK)
        #expect(audit.aggregates == 30)
        #expect(audit.events == 300)
        #expect(audit.lagging == 0)
    }

    @Test("Events that come after the consumer has stopped are lagging, no fault")
    func lagging() async throws {
        let bench = try Bench()
        try await bench.publish("product/1", 1...3)
        try await bench.consume()
        try await bench.publish("product/1", 4...5)
        try await bench.publish("product/2", 1...2)
        let audit = try await bench.audit()
        #expect(audit.isOK)
        #expect(audit.lagging == 2)
        #expect(audit.aggregates == 2)
    }

    @Test("A consumer that never ran has everything to come")
    func neverRan() async throws {
        let bench = try Bench()
        try await bench.publish("product/1", 1...3)
        let audit = try await bench.audit()
        #expect(audit.isOK)
        #expect(audit.lagging == 1)
    }

    @Test("Changed watermarks are found")
    func changed() async throws {
        let bench = try Bench()
        for number in 1...4 { try await bench.publish("product/\(number)", 1...7) }
        try await bench.consume()
        let three = try Make.version(3)
        let nine = try Make.version(9)
        let foreign = try EventID("foreign")
        try await bench.change("product/1") { $0.version = three }
        try await bench.change("product/2") { $0.version = nine }
        try await bench.change("product/3") { $0.eventID = foreign }
        let audit = try await bench.audit()
        #expect(!audit.isOK)
        #expect(audit.behind.map(\.aggregate.description) == ["product/1"])
        #expect(audit.behind.map(\.version) == [three])
        #expect(audit.behind.map(\.streamVersion) == [try Make.version(7)])
        #expect(audit.ahead.map(\.aggregate.description) == ["product/2"])
        #expect(audit.forked.map(\.aggregate.description) == ["product/3"])
        #expect(audit.missing.isEmpty && audit.gapped.isEmpty)
    }

    @Test("A database that has lost its rows misses them, and one whose durable is gone too")
    func missing() async throws {
        let bench = try Bench()
        try await bench.publish("product/1", 1...2)
        try await bench.consume()
        let fresh = try Bench(log: bench.log)
        let audit = try await fresh.audit()
        #expect(audit.missing.map(\.aggregate.description) == ["product/1"])
        bench.log.deleteConsumer("orders-replica")
        try await bench.publish("product/2", 1...2)
        #expect(try await bench.audit().missing.map(\.aggregate.description) == ["product/2"])
    }

    @Test("A version that was never published is a gap once later ones are acknowledged")
    func gapped() async throws {
        let bench = try Bench()
        try await bench.publish("product/1", 1...2)
        try await bench.publish("product/1", 4...5)
        try await bench.consume()
        let audit = try await bench.audit()
        #expect(audit.gapped.map(\.aggregate.description) == ["product/1"])
        #expect(audit.gapped.map(\.version) == [try Make.version(2)])
        #expect(audit.gapped.map(\.streamVersion) == [try Make.version(5)])
    }

    @Test("Holes are passed over, and removed events are no fault")
    func holes() async throws {
        let bench = try Bench()
        for number in 1...5 { try await bench.publish("product/\(number)", 1...50) }
        try await bench.consume()
        bench.log.trim(before: StreamSequence(60))
        bench.log.purge("shop.product.4")
        for sequence in UInt64(70)...90 { bench.log.deleteMessage(StreamSequence(sequence)) }
        let audit = try await bench.audit()
        #expect(audit.isOK)
        #expect(audit.aggregates == 3)
        #expect(audit.events == 250 - 59 - 50 - 21)
    }

    @Test("A broker that has lost its tail leaves watermarks ahead, also where sequences were used again")
    func lostTail() async throws {
        let bench = try Bench()
        try await bench.publish("product/1", 1...3)
        try await bench.publish("product/2", 1...3)
        try await bench.consume()
        bench.log.loseTail(after: StreamSequence(4))
        try await bench.publish("product/9", 1...2)
        let audit = try await bench.audit()
        #expect(audit.ahead.map(\.aggregate.description) == ["product/2"])
    }

    @Test("Aggregate types outside the consumer's are not compared")
    func otherTypes() async throws {
        let bench = try Bench(aggregates: [try AggregateType("product")])
        try await bench.publish("product/1", 1...2)
        try await bench.publish("order/1", 1...2)
        try await bench.consume()
        let audit = try await bench.audit()
        #expect(audit.isOK)
        #expect(audit.aggregates == 1)
        #expect(audit.events == 4)
    }

    @Test("Malformed messages have no version")
    func malformed() async throws {
        let bench = try Bench()
        try await bench.publish("product/1", 1...2)
        bench.log.store(WireMessage(subject: "shop.product.1", body: [0x7D]))
        try await bench.consume()
        let audit = try await bench.audit()
        #expect(audit.isOK)
        #expect(audit.events == 2)
    }

    @Test("A replica of the stream that lags costs a question to the leader, no event")
    func lagOfAReplica() async throws {
        let bench = try Bench()
        try await bench.publish("product/1", 1...100)
        try await bench.consume()
        bench.log.faults.replicaLag = 40
        let audit = try await bench.audit()
        #expect(audit.isOK)
        #expect(audit.events == 100)
    }

    @Test("Progress ends at the total")
    func progress() async throws {
        let bench = try Bench()
        try await bench.publish("product/1", 1...500)
        var last: Auditor.Progress?
        _ = try await Auditor(services: [bench.tertib], readsInFlight: 2).run { last = $0 }
        #expect(last == Auditor.Progress(done: 500, total: 500))
    }

    @Test("Two services on one stream are audited together")
    func severalServices() async throws {
        let bench = try Bench()
        try await bench.publish("product/1", 1...3)
        try await bench.consume()
        let options = EventBusOptions(
            service: try ServiceName("payments"), namespace: try Namespace("shop"),
            consumers: [bench.consumer: ConsumerSettings(name: bench.consumer)])
        let other = try EventBus(options: options, log: bench.log, store: MemoryStore())
        let audit = try await Auditor(services: [bench.tertib, other]).run()
        #expect(audit.events == 3)
        #expect(audit.aggregates == 1)
        #expect(audit.lagging == 1)
    }
}
