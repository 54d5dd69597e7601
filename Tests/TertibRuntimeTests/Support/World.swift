import Logging
import TertibCore
import TertibSQLite
import TertibTesting

@testable import TertibRuntime

/// A stream, a database, and as many replicas of one consumer as a test likes, each with its own connections.
final class World: Sendable {
    /// Where the effects go.
    enum StoreKind: String, CaseIterable, Sendable {
        /// Read committed, in memory.
        case memory
        /// A file.
        case sqlite
    }

    static let consumer = "tests"
    static let durable = "service-tests"

    let log: MemoryLog
    let factory: EventFactory
    private let memory: MemoryStore?
    private let bench: SQLiteBench?
    private let settings: ConsumerSettings

    init(
        _ kind: StoreKind = .memory, stream: MemoryStreamSettings = MemoryStreamSettings(), seed: UInt64 = 1,
        configure: (inout ConsumerSettings) -> Void = { _ in }
    ) throws {
        log = MemoryLog(
            namespace: try Namespace(Make.namespace), stream: try StreamName("TEST"), settings: stream, seed: seed)
        factory = try EventFactory(namespace: Make.namespace)
        memory = kind == .memory ? MemoryStore(statements: Ledger.meanings) : nil
        bench = kind == .sqlite ? try SQLiteBench() : nil
        var settings = ConsumerSettings(name: try ConsumerName(Self.consumer))
        settings.acknowledgementWait = .seconds(2)
        configure(&settings)
        self.settings = settings
    }

    /// A store on the world's database.
    func store() async throws -> any ConsumerStore {
        if let bench { return try await bench.store() }
        guard let memory else { preconditionFailure("a world without a database") }
        return memory.replica()
    }

    /// One replica: a service with its consumer.
    func service(_ handlers: Handlers, crash: Crash? = nil) async throws -> (
        service: EventBus, consumer: Consumer
    ) {
        var logger = Logger(label: "tests")
        logger.logLevel = .critical
        let name = try ConsumerName(Self.consumer)
        var (log, store): (any EventLog, any ConsumerStore) = (log.replica(), try await store())
        if let crash {
            log = CrashingLog(log, isAlive: crash.isAlive)
            store = CrashingStore(store, isAlive: crash.isAlive)
        }
        let service = try EventBus(
            options: EventBusOptions(
                service: try ServiceName("service"), namespace: try Namespace(Make.namespace),
                consumers: [name: settings],
                publishes: [try AggregateType("order"): .outbox, try AggregateType("stock"): .append]),
            log: log, store: store, context: RuntimeContext(logger: logger))
        return (service, try service.consumer(Self.consumer, handlers: handlers))
    }

    /// Runs replicas while `body` runs, then shuts them down in order.
    func run(
        replicas: Int = 1, handlers: Handlers = .ledger(), _ body: ([Consumer]) async throws -> Void
    ) async throws {
        var consumers: [Consumer] = []
        for _ in 0..<replicas { consumers.append(try await service(handlers).consumer) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for consumer in consumers { group.addTask { try await consumer.run() } }
            try await body(consumers)
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// Stores events of one aggregate in the stream in this order, as a foreign publisher does.
    func publish(_ versions: some Sequence<Int>, of id: String = "1", event: String? = nil) throws {
        for version in versions {
            log.store(Make.codecMessage(try Make.envelope(version, of: id, event: event)))
        }
    }

    /// Waits for something that changes with the stream or, in memory, with the database.
    func eventually(_ what: String, _ condition: @escaping @Sendable () async throws -> Bool) async throws {
        try await TertibTesting.eventually(
            what, watching: [log.changes] + (memory.map { [$0.changes] } ?? []), condition)
    }

    /// Waits until everything is delivered, answered, and nothing is parked.
    func rest() async throws {
        try await log.waitUntilSettled(consumer: Self.durable)
        let store = try await store()
        let name = try ConsumerName(Self.consumer)
        try await eventually("nothing parked") {
            try await store.read { try $0.summary(name, stuckBefore: try $0.now()).parked } == 0
        }
    }

    func history(_ id: String = "1") async throws -> [Int64] {
        try await Ledger.history(try await store(), of: try Make.aggregate(id))
    }

    func deadLetters() async throws -> [DeadLetter] {
        let name = try ConsumerName(Self.consumer)
        return try await store().read { try $0.deadLetters(name, of: nil, limit: 1000) }
    }

    func watermark(_ id: String = "1") async throws -> Watermark? {
        let (name, aggregate) = (try ConsumerName(Self.consumer), try Make.aggregate(id))
        return try await store().read { try $0.watermark(name, of: aggregate) }
    }
}

extension Make {
    /// The message of an envelope in the tests' namespace.
    static func codecMessage(_ envelope: Envelope) -> WireMessage {
        guard let namespace = try? Namespace(namespace) else { preconditionFailure("the tests' namespace") }
        return WireCodec(namespace: namespace).encode(envelope)
    }
}
