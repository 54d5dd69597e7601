import Logging
import TertibCore
import TertibPostgres
import TertibTesting

@testable import TertibRuntime

/// A consumer's way through the database, one batch at a time and without a stream.
struct BatchBench: Sendable {
    private let applier: BatchApplier
    private let factory: EventFactory

    init(_ store: PostgresStore, _ handlers: Handlers, publishes: String = "order") throws {
        factory = try EventFactory(namespace: "test")
        var logger = Logger(label: "tests")
        logger.logLevel = .critical
        let context = RuntimeContext(logger: logger)
        let name = try ConsumerName("tests")
        let environment = ConsumerEnvironment(
            settings: ConsumerSettings(name: name, retry: RetryPolicy(maxAttempts: 1)), durableName: "service-tests",
            handlers: handlers, log: MemoryLog(namespace: try Namespace("test"), stream: try StreamName("TEST")),
            store: store,
            staging: Staging(
                codec: factory.codec, source: factory.source, publishes: [try AggregateType(publishes): .outbox],
                context: context),
            counters: ConsumerCounters(consumer: name), context: context, wakeRelay: {})
        applier = BatchApplier(
            environment,
            registration: ConsumerRegistration(
                storeID: "store", stream: try StreamName("TEST"),
                streamCreatedAt: Timestamp(microseconds: 1_700_000_000_000_000)),
            sweeps: SweepRequests())
    }

    /// Applies this version of each of the aggregates `product/1`, `product/2` and so on, in one batch.
    func apply(_ version: Int64, ofAggregates ids: ClosedRange<Int>) async throws -> BatchReport {
        let arrivals = try ids.map { id in
            let envelope = try factory.envelope(
                try Aggregate(parsing: "product/\(id)"), version: try Sample.version(version))
            let arrival = Arrival(
                ticket: .init(id), origin: .delivery, envelope: envelope, message: factory.codec.encode(envelope),
                sequence: StreamSequence(UInt64(id)))
            return PreparedArrival(arrival: arrival, application: applier.environment.handlers.prepare(envelope))
        }
        return try await applier.apply(PreparedBatch(arrivals))
    }
}
