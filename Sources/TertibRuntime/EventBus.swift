import Logging
public import ServiceLifecycle
public import TertibCore

/// One service's end of the bus: its log, its store, its relay. Make one for a process.
///
/// Usually `EventBus.open(configuration:)` (in TertibConfiguration) makes it from a JSON file. Run it in a
/// `ServiceGroup`, before the service's consumers: it publishes what is staged, and closes log and store at the end.
public final class EventBus: Service, Sendable {
    /// The service's name, and what it consumes and publishes.
    public let options: EventBusOptions
    /// The event log.
    public let log: any EventLog
    /// The service's database.
    public let store: any ConsumerStore

    let context: RuntimeContext
    let staging: Staging
    private let appender: Appender
    private let signal = WakeSignal()

    /// Puts a service's end of the bus together. Nothing is connected or written yet.
    public init(
        options: EventBusOptions, log: any EventLog, store: any ConsumerStore,
        context: RuntimeContext = RuntimeContext()
    ) throws {
        self.options = options
        self.log = log
        self.store = store
        self.context = context
        staging = Staging(
            codec: WireCodec(namespace: options.namespace), source: try EventSource("/\(options.service)"),
            publishes: options.publishes,
            context: context)
        appender = Appender(log: log, store: store, staging: staging)
    }

    /// Relays staged events until the service group shuts down, or the task is cancelled.
    public func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            await makeRelay().run()
        }
        await close()
    }

    /// Relays staged events until the task is cancelled, on the task's own executor throughout, and closes nothing.
    package func relayUntilCancelled() async throws { await makeRelay().run() }

    /// Closes log and store; for tools that use neither ``run()`` nor a service group. Idempotent.
    public func close() async {
        await log.close()
        await store.close()
    }

    /// A consumer of this service, with its handlers.
    /// - Throws: ``ConsumerError`` when the options have no consumer of that name.
    public func consumer(_ name: String, _ register: (inout Handlers) -> Void) throws -> Consumer {
        var handlers = Handlers()
        register(&handlers)
        return try consumer(name, handlers: handlers)
    }

    /// A consumer of this service, with handlers made elsewhere, such as ``Handlers/replica``.
    /// - Throws: ``ConsumerError`` when the options have no consumer of that name.
    public func consumer(_ name: String, handlers: Handlers) throws -> Consumer {
        let name = try ConsumerName(name)
        guard let settings = options.consumers[name] else {
            let known = options.consumers.keys.sorted().map(\.text).joined(separator: ", ")
            throw ConsumerError(
                .unknownConsumer, consumer: name, reason: "the configuration has no consumer of that name",
                advice: known.isEmpty ? "Add it to \"consumers\"." : "It has: \(known).")
        }
        return Consumer(
            ConsumerEnvironment(
                settings: settings, durableName: "\(options.service)-\(name)", handlers: handlers, log: log,
                store: store, staging: staging, counters: ConsumerCounters(consumer: name), context: context,
                wakeRelay: { [signal] in signal.wake() }))
    }

    /// Runs `body` in one transaction of the service's database, again from the start while it conflicts with
    /// another one (at most 20 times, with jitter). What it stages is published if, and only if, it commits.
    public func transaction<Result: Sendable>(
        _ body: @escaping @Sendable (HandlerTransaction) throws -> Result
    ) async throws -> Result {
        try await wakingRelay(body) { try await store.transactionRetryingConflicts(context, $0) }
    }

    /// Runs `body` in one transaction, once.
    func transactOnce<Result: Sendable>(
        isSerializable: Bool, _ body: @escaping @Sendable (HandlerTransaction) throws -> Result
    ) async throws -> Result {
        try await wakingRelay(body) { run in
            isSerializable ? try await store.serializableTransaction(run) : try await store.transaction(run)
        }
    }

    /// Runs `body` as `transact` does, and wakes the relay when it has staged something.
    private func wakingRelay<Result: Sendable>(
        _ body: @escaping @Sendable (HandlerTransaction) throws -> Result,
        _ transact: (@escaping @Sendable (any StoreTransaction) throws -> (Result, Bool)) async throws -> (Result, Bool)
    ) async throws -> Result {
        let (staging, cause) = (staging, TraceContext.current)
        let (result, hasStaged) = try await transact { transaction in
            let handle = HandlerTransaction(store: transaction, staging: staging, cause: cause)
            return (try body(handle), handle.hasStaged)
        }
        if hasStaged { signal.wake() }
        return result
    }

    /// Appends events to an aggregate's history in the stream.
    ///
    /// The broker enforces the expectation: of several writers at one version one wins, and every other one gets a
    /// ``VersionConflict`` and has written nothing. Of several events only the first can lose without writing; if a
    /// later one cannot be written, ``PartialAppend`` holds the receipts of those that were.
    /// - Parameters:
    ///   - expected: The version that the aggregate must have now; `nil` for whichever it has.
    ///   - force: Append although the options do not say that this service appends to this type.
    /// - Throws: ``VersionConflict``, ``PartialAppend``, ``PublishingError``, ``EventLogError``, ``StoreError``.
    public func append(
        _ events: [NewEvent], to aggregate: Aggregate, expecting expected: AggregateVersion?, force: Bool = false
    ) async throws -> [PublishReceipt] {
        if !force {
            try PublishingMode.append.check(aggregate, in: options.publishes, attempted: "append to \(aggregate)")
        }
        return try await appender.append(events, to: aggregate, expecting: expected)
    }

    /// Appends one event to an aggregate's history in the stream.
    public func append<Payload: DomainEvent>(
        _ payload: Payload, to aggregate: Aggregate, expecting expected: AggregateVersion?
    ) async throws -> PublishReceipt {
        let receipts = try await append([try NewEvent(payload)], to: aggregate, expecting: expected)
        guard let receipt = receipts.first else { preconditionFailure("an event was appended without a receipt") }
        return receipt
    }

    /// Returns once a consumer of this service has applied the token's version: read your writes.
    /// - Throws: ``PublishingError`` with ``PublishingError/Code/timedOut`` after `timeout`.
    public func wait(for token: VersionToken, consumer: String, timeout: Duration) async throws {
        let name = try ConsumerName(consumer)
        let deadline = context.time.monotonic + timeout
        var pause = Duration.milliseconds(2)
        while true {
            let watermark = try await store.read { try $0.watermark(name, of: token.aggregate) }
            if let watermark, watermark.version >= token.version { return }
            guard context.time.monotonic < deadline else {
                throw PublishingError(
                    .timedOut, attempted: "wait for \(token)",
                    reason: "consumer \(name) has applied version \(watermark?.version ?? .none) after \(timeout)")
            }
            try await context.time.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(100))
        }
    }

    /// Makes the stream's present head of an aggregate this database's, for an aggregate whose history was written
    /// before the database was; then its next staged event follows it.
    /// - Throws: ``VersionConflict`` when the database has a head already.
    public func adoptHead(of aggregate: Aggregate) async throws -> AggregateVersion {
        let position = try await appender.position(of: aggregate)
        let head = AggregateHead(
            aggregate: aggregate, version: position.version, publishedVersion: position.version,
            streamSequence: position.last)
        try await store.transactionRetryingConflicts(context) { transaction in
            let known = try transaction.head(of: aggregate)
            guard known == nil, try transaction.compareAndSetHead(nil, to: head) else {
                throw VersionConflict(aggregate: aggregate, expected: .none, actual: known?.version)
            }
        }
        return position.version
    }

    func makeRelay() -> Relay {
        Relay(
            log: log, store: store, codec: staging.codec, settings: options.outbox, context: context, signal: signal)
    }
}

/// The name of a service, and what it consumes and publishes.
public struct EventBusOptions: Hashable, Sendable {
    /// The service's name.
    public var service: ServiceName
    /// The first token of every subject.
    public var namespace: Namespace
    /// The consumers, by name.
    public var consumers: [ConsumerName: ConsumerSettings]
    /// How each aggregate type that this service owns is published.
    public var publishes: [AggregateType: PublishingMode]
    /// How the relay works.
    public var outbox: OutboxSettings

    /// Creates options.
    public init(
        service: ServiceName, namespace: Namespace, consumers: [ConsumerName: ConsumerSettings] = [:],
        publishes: [AggregateType: PublishingMode] = [:], outbox: OutboxSettings = OutboxSettings()
    ) {
        self.service = service
        self.namespace = namespace
        self.consumers = consumers
        self.publishes = publishes
        self.outbox = outbox
    }

    /// The name of the JetStream consumer behind a consumer of this service: `<service>-<consumer>`.
    public func durableName(of consumer: ConsumerName) -> String { "\(service)-\(consumer)" }
}
