import Logging
import TertibRuntime
import TertibCore
import TertibPostgres
import TertibTesting
import TestServers
import Testing

/// The real relay on the real server; only the stream is in memory.
@Suite("The outbox on PostgreSQL", .timeLimit(.minutes(2)))
struct OutboxTests {
    @Test("The outbox on PostgreSQL loses no row that commits after one of a higher position")
    func outOfOrder() async throws {
        try await withDatabase { _, store in
            let (isStaged, mayCommit) = (Gate(), Gate())
            let (early, late) = (try Aggregate(parsing: "order/early"), try Aggregate(parsing: "order/late"))
            async let first: Void = store.transaction { transaction in
                try Stage(early).all(transaction)
                isStaged.open()
                try mayCommit.waitOnThread(for: "the other to be published")
            }
            try await isStaged.wait(for: "the first row to be staged")
            try await store.transaction { try Stage(late).all($0) }
            #expect(try await publishNext(in: store).map(\.aggregate) == [late])
            mayCommit.open()
            try await first
            #expect(try await publishNext(in: store).map(\.aggregate) == [early])
            #expect(try await publishNext(in: store).isEmpty)
        }
    }

    @Test(
        "The outbox on PostgreSQL publishes each version once and in order, with four writers, four relays, and a broker that goes away"
    )
    func relays() async throws {
        let database = try await TestDatabase.make()
        let log = MemoryLog(namespace: try Namespace("test"), stream: try StreamName("TEST"), seed: 1)
        var services: [EventBus] = []
        for _ in 0..<4 { services.append(try await service(database, log)) }
        let aggregates = try (0..<8).map { try Aggregate(parsing: "order/\($0)") }
        try await withThrowingTaskGroup(of: Void.self) { relays in
            for service in services { relays.addTask { try await service.relayUntilCancelled() } }
            try await withThrowingTaskGroup(of: Void.self) { writers in
                for service in services {
                    writers.addTask {
                        for round in 0..<10 {
                            if round == 3 { log.setAvailable(false) }
                            if round == 6 { log.setAvailable(true) }
                            for aggregate in aggregates { try await stage(aggregate, with: service) }
                        }
                    }
                }
                try await writers.waitForAll()
            }
            log.setAvailable(true)
            let store = services[0].store
            try await waitUntil("everything to be published") {
                try await store.read { try $0.outboxSummary().rows } == 0
            }
            relays.cancelAll()
            while let ended = await relays.nextResult() { try Self.ignoringCancellation(ended) }
        }
        let codec = WireCodec(namespace: try Namespace("test"))
        let published = try log.messages.map { try codec.decode($0.message) }
        for aggregate in aggregates {
            #expect(published.filter { $0.aggregate == aggregate }.map(\.version.number) == Array(1...40))
        }
        for service in services { await service.close() }
    }

    private static func ignoringCancellation(_ result: Result<Void, any Error>) throws {
        if case .failure(let error) = result, !(error is CancellationError) { throw error }
    }

    private func stage(_ aggregate: Aggregate, with service: EventBus) async throws {
        let event = try NewEvent(type: try EventType("order.placed"), json: Array("{}".utf8))
        try await service.transaction { transaction in _ = try transaction.stage(event, for: aggregate) }
    }

    private func service(_ database: TestDatabase, _ log: MemoryLog) async throws -> EventBus {
        var logger = Logger(label: "tests")
        logger.logLevel = .critical
        return try EventBus(
            options: EventBusOptions(
                service: try ServiceName("orders"), namespace: try Namespace("test"),
                publishes: [try AggregateType("order"): .outbox]),
            log: log.replica(), store: try await database.migrated(), context: RuntimeContext(logger: logger))
    }

    /// Takes and marks what a relay would publish now.
    private func publishNext(in store: PostgresStore) async throws -> [OutboxRow] {
        try await store.transaction { transaction in
            let now = try transaction.now()
            let rows = try transaction.claimOutbox(now: now, lease: .seconds(5), limit: 10).map(\.row)
            for row in rows { try transaction.markPublished(row, at: StreamSequence(1), now: now) }
            return rows
        }
    }
}
