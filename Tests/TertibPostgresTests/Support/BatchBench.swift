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
        let staging = Staging(
            codec: factory.codec, source: factory.source, publishes: [try AggregateType(publishes): .outbox],
            context: context)
        applier = BatchApplier(
            settings: ConsumerSettings(name: try ConsumerName("tests"), retry: RetryPolicy(maxAttempts: 1)),
            codec: factory.codec, handlers: handlers, staging: staging, store: store, context: context,
            registration: ConsumerRegistration(
                storeID: "store", stream: try StreamName("TEST"),
                streamCreatedAt: Timestamp(microseconds: 1_700_000_000_000_000)),
            knownParked: { 0 })
    }

    /// Applies this version of each of the aggregates `product/1`, `product/2` and so on, in one batch.
    func apply(_ version: Int64, ofAggregates ids: ClosedRange<Int>) async throws -> BatchReport {
        var batch = Batch()
        for id in ids {
            let envelope = try factory.envelope(
                try Aggregate(parsing: "product/\(id)"), version: try Sample.version(version))
            let arrival = Arrival(
                ticket: .init(id), origin: .delivery, envelope: envelope,
                message: applier.codec.encode(envelope), sequence: StreamSequence(UInt64(id)))
            batch.arrivals.append(PreparedArrival(arrival: arrival, application: applier.handlers.prepare(envelope)))
        }
        return try await applier.apply(batch)
    }
}
