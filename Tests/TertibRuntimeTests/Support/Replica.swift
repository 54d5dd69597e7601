import Foundation
import Logging
import Synchronization
import TertibCore
import TertibSQLite
import TertibTesting

@testable import TertibRuntime

/// Events and identities of the tests.
enum Make {
    static let namespace = "test"
    static let streamCreatedAt = Timestamp(microseconds: 1_700_000_000_000_000)

    static func codec() throws -> WireCodec { WireCodec(namespace: try Namespace(namespace)) }

    static func aggregate(_ id: String = "1") throws -> Aggregate { try Aggregate(parsing: "product/\(id)") }

    static func version(_ number: Int) throws -> AggregateVersion {
        guard let version = AggregateVersion(Int64(number)) else { throw IdentityError("version", "is out of range") }
        return version
    }

    static func envelope(
        _ number: Int, of id: String = "1", event: String? = nil, type: String = "counted", body: String = "{}"
    ) throws -> Envelope {
        Envelope(
            id: try EventID(event ?? "\(id)-\(number)"), source: try EventSource("/test"), type: try EventType(type),
            aggregate: try aggregate(id), version: try version(number), body: Array(body.utf8))
    }
}

/// One replica of a consumer, driven batch by batch, without a log.
struct Replica: Sendable {
    let store: any ConsumerStore
    let applier: BatchApplier
    private let tickets = Counter()

    /// A counter that gives each arrival its ticket.
    final class Counter: Sendable {
        private let value = Mutex(0)
        func next() -> Int {
            value.withLock {
                $0 += 1; return $0
            }
        }
    }

    init(
        store: any ConsumerStore, handlers: Handlers, retry: RetryPolicy = RetryPolicy(),
        maxParkedPerAggregate: Int = 1000, time: any TimeSource = SystemTime()
    ) throws {
        self.store = store
        var logger = Logger(label: "tests")
        logger.logLevel = .critical
        let context = RuntimeContext(time: time, logger: logger)
        let name = try ConsumerName("tests")
        let environment = ConsumerEnvironment(
            settings: ConsumerSettings(name: name, retry: retry, maxParkedPerAggregate: maxParkedPerAggregate),
            durableName: "service-tests", handlers: handlers,
            log: MemoryLog(namespace: try Namespace(Make.namespace), stream: try StreamName("TEST")), store: store,
            staging: Staging(
                codec: try Make.codec(), source: try EventSource("/tests"),
                publishes: [try AggregateType("order"): .outbox], context: context),
            counters: ConsumerCounters(consumer: name), context: context, wakeRelay: {})
        applier = BatchApplier(
            environment,
            registration: ConsumerRegistration(
                storeID: "store", stream: try StreamName("TEST"), streamCreatedAt: Make.streamCreatedAt),
            sweeps: SweepRequests())
    }

    var consumer: ConsumerName { applier.environment.settings.name }

    /// Applies deliveries of these versions of one aggregate in one batch.
    @discardableResult
    func apply(_ versions: Int..., of id: String = "1", hold: Bool = false) async throws -> BatchReport {
        try await apply(try versions.map { (try Make.envelope($0, of: id), $0) }, hold: hold)
    }

    /// Applies deliveries, each with its stream sequence, in one batch.
    @discardableResult
    func apply(_ events: [(envelope: Envelope, sequence: Int)], hold: Bool = false) async throws -> BatchReport {
        let environment = applier.environment
        let arrivals = events.map { envelope, sequence in
            let arrival = Arrival(
                ticket: .init(tickets.next()), origin: .delivery, envelope: envelope,
                message: environment.codec.encode(envelope), sequence: StreamSequence(UInt64(sequence)))
            return PreparedArrival(arrival: arrival, application: environment.handlers.prepare(envelope))
        }
        return try await applier.apply(PreparedBatch(arrivals, holdable: arrivals.map { _ in hold }))
    }

    /// Wakes an aggregate as the sweeper does.
    @discardableResult
    func wake(_ id: String = "1") async throws -> BatchReport {
        try await applier.apply(PreparedBatch(wakes: [try Make.aggregate(id)]), carefully: true)
    }

    func watermark(_ id: String = "1") async throws -> Watermark? {
        let (consumer, aggregate) = (consumer, try Make.aggregate(id))
        return try await store.read { try $0.watermark(consumer, of: aggregate) }
    }

    func parked(_ id: String = "1") async throws -> [ParkedEvent] {
        let (consumer, aggregate) = (consumer, try Make.aggregate(id))
        return try await store.read { try $0.parkedRows(consumer, of: aggregate, limit: 10_000) }
            .sorted { $0.version < $1.version }
    }

    func deadLetters() async throws -> [DeadLetter] {
        let consumer = consumer
        return try await store.read { try $0.deadLetters(consumer, of: nil, limit: 10_000) }
    }

    func history(_ id: String = "1") async throws -> [Int64] {
        try await Ledger.history(store, of: try Make.aggregate(id))
    }
}

extension BatchReport {
    /// How many arrivals had each outcome; those that were lost, or had no room, have none.
    var outcomes: [Disposition: Int] {
        Dictionary(
            dispositions.compactMap { $0 }.filter { $0.isAcknowledged || $0 == .held }.map { ($0, 1) },
            uniquingKeysWith: +)
    }

    /// How many arrivals lost their claim.
    var lost: Int { dispositions.count { $0 == .lost } }

    /// How many arrivals had no room.
    var withoutRoom: Int { dispositions.count { $0 == .noRoom } }
}

extension Handlers {
    /// Records every event in the ledger, after `body`.
    static func ledger(_ body: @escaping @Sendable (Envelope, HandlerTransaction) throws -> Void = { _, _ in })
        -> Handlers
    {
        var handlers = Handlers()
        handlers.onAnyOther { envelope, transaction in
            try body(envelope, transaction)
            try Ledger.record(envelope, in: transaction)
        }
        return handlers
    }
}

/// A SQLite file with the ledger, and as many stores on it as a test likes.
final class SQLiteBench: Sendable {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    func store(time: any TimeSource = SystemTime()) async throws -> SQLiteStore {
        let store = try await SQLiteStore(path: folder.file("service.sqlite"), time: time)
        try await store.migrate()
        try await store.transaction { transaction in
            for statement in Ledger.creations { try transaction.execute(statement, arguments: []) }
        }
        return store
    }
}

struct HandlerRefused: Error, CustomStringConvertible {
    var description: String { "the handler refused" }
}
