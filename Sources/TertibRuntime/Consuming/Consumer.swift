import Logging
public import ServiceLifecycle
import TertibCore

/// What a consumer is made of; handed on whole to everything that runs for it.
struct ConsumerEnvironment: Sendable {
    let settings: ConsumerSettings
    /// The name of the durable JetStream consumer.
    let durableName: String
    let handlers: Handlers
    let log: any EventLog
    let store: any ConsumerStore
    let staging: Staging
    let counters: ConsumerCounters
    /// Time, random numbers, and a logger that names the consumer.
    var context: RuntimeContext
    /// Wakes the relay after a handler has staged events.
    let wakeRelay: @Sendable () -> Void

    var codec: WireCodec { staging.codec }
    var logger: Logger { context.logger }
    var time: any TimeSource { context.time }
}

/// A consumer: applies the events of its aggregates to the service's database, each once and in order, with any number
/// of replicas.
///
/// Run it in a `ServiceGroup`. On graceful shutdown it finishes the batch in hand, acknowledges what committed, gives
/// back everything else, and returns. It waits for a broker or a database that is away, and recovers by itself; it
/// throws when it can never go on (``ConsumerError``, ``EventLogError``).
public struct Consumer: Service, Sendable {
    private let environment: ConsumerEnvironment

    init(_ environment: ConsumerEnvironment) {
        var environment = environment
        environment.context.logger[metadataKey: LogKey.consumer] = "\(environment.settings.name)"
        self.environment = environment
    }

    /// What it has done since it started, in this replica.
    public var counts: ConsumerCounts { environment.counters.snapshot }

    /// Runs until the service group shuts down, or the task is cancelled.
    public func run() async throws {
        try await cancelWhenGracefulShutdown { try await runUntilCancelled() }
    }

    /// Runs until the task is cancelled, on the task's own executor throughout: a service group's shutdown uses tasks of
    /// the global one.
    package func runUntilCancelled() async throws {
        do {
            try await runLoops()
        } catch is CancellationError {
            return  // asked to stop before there was anything in hand
        }
    }

    private func runLoops() async throws {
        let session = try await open()
        environment.logger.notice("the consumer is running")
        let outcome = await Self.outcome(of: session)
        await session.giveBack(delay: .zero)
        await session.source.close()
        environment.logger.notice("the consumer has stopped")
        try outcome.get()
    }

    /// Runs the loops; the first one to end ends the others.
    private static func outcome(of session: ConsumerSession) async -> Result<Void, any Error> {
        await withTaskGroup(of: Result<Void, any Error>.self) { group in
            group.addTask { await capture { try await ApplyLoop(session: session).run() } }
            group.addTask { await capture { try await Sweeper(session: session).run() } }
            group.addTask { await capture { try await ProgressLoop(session: session).run() } }
            let first = await group.next() ?? .success(())
            group.cancelAll()
            return first
        }
    }

    private static func capture(_ body: () async throws -> Void) async -> Result<Void, any Error> {
        do {
            try await body()
            return .success(())
        } catch is CancellationError {
            return .success(())
        } catch {
            return .failure(error)
        }
    }
}

// MARK: - Opening

extension Consumer {
    /// Ties the consumer to its database and its stream, and subscribes; waits for either of them as long as it takes.
    private func open() async throws -> ConsumerSession {
        let (settings, logger) = (environment.settings, environment.logger)
        var backoff = Backoff(maxDelay: .seconds(5))
        while true {
            do {
                let registration = try await register()
                let source = try await environment.log.subscribe(
                    Subscription(
                        durableName: environment.durableName, onlyType: onlyType,
                        acknowledgementWait: settings.acknowledgementWait,
                        maxAcknowledgementPending: settings.maxAcknowledgementPending, pullLimit: settings.batch,
                        byteLimit: settings.batchBytes, storeID: registration.storeID, takesOver: settings.takesOver))
                try await check(registration, before: source)
                if backoff.failures > 0 { logger.notice("broker and database are there") }
                return ConsumerSession(environment, registration: registration, source: source)
            } catch {
                guard Self.isTemporary(error) else { throw error }
                let bound = backoff.failed()
                if backoff.failures == 1 {
                    logger.warning(
                        "broker or database is away, the consumer waits for it",
                        metadata: [LogKey.error: "\(error)"])
                }
                try await environment.time.sleep(
                    for: Backoff.wait(upTo: bound, jitter: environment.context.fraction()))
            }
        }
    }

    private var onlyType: AggregateType? {
        guard let aggregates = environment.settings.aggregates, aggregates.count == 1 else { return nil }
        return aggregates.first
    }

    private static func isTemporary(_ error: any Error) -> Bool {
        switch error {
        case let error as EventLogError: error.isRetriable
        case let error as StoreError: error.isRetriable
        default: false
        }
    }

    /// The stream may have been created anew between the registration and the subscription, which would be to the new one.
    private func check(_ registration: ConsumerRegistration, before source: any DeliverySource) async throws {
        do {
            try registration.check(try await environment.log.state(), for: environment.settings.name)
        } catch {
            await source.close()
            throw error
        }
    }

    private func register() async throws -> ConsumerRegistration {
        let state = try await environment.log.state()
        let fresh = ConsumerRegistration(
            storeID: environment.context.mintUUID(), stream: state.name, streamCreatedAt: state.createdAt)
        let name = environment.settings.name
        let registration = try await environment.store.transaction { transaction in
            try transaction.registration(name, insertingIfAbsent: fresh)
        }
        try registration.check(state, for: name)
        return registration
    }
}

extension ConsumerRegistration {
    /// Refuses a stream that is not the one that the watermarks belong to, be it another one of the same name.
    func check(_ state: StreamState, for consumer: ConsumerName) throws(ConsumerError) {
        guard stream == state.name else {
            throw ConsumerError(
                .streamChanged, consumer: consumer,
                reason: "its database follows the stream \(stream), the configuration says \(state.name)",
                advice: "Set stream.name back, or start with a fresh database.")
        }
        guard streamCreatedAt == state.createdAt else {
            throw ConsumerError(
                .streamChanged, consumer: consumer,
                reason: "the stream \(state.name) was created anew at \(state.createdAt); its database follows the one "
                    + "created at \(streamCreatedAt)",
                advice: "Versions may have started again. Restore the stream, or start with a fresh database.")
        }
    }
}
