import Logging
public import ServiceLifecycle
import TertibCore

/// A consumer: applies the events of its aggregates to the service's database, each once and in order, with any number
/// of replicas.
///
/// Run it in a `ServiceGroup`. On graceful shutdown it finishes the batch in hand, acknowledges what committed, gives
/// back everything else, and returns. It waits for a broker or a database that is away, and recovers by itself; it
/// throws when it can never go on (``ConsumerError``, ``EventLogError``).
public struct Consumer: Service, Sendable {
    let settings: ConsumerSettings
    let durableName: String
    let handlers: Handlers
    let log: any EventLog
    let store: any ConsumerStore
    let staging: Staging
    let context: RuntimeContext
    let counters: ConsumerCounters
    let wakeRelay: @Sendable () -> Void

    /// What it has done since it started, in this replica.
    public var counts: ConsumerCounts { counters.snapshot }

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
        var logger = context.logger
        logger[metadataKey: LogKey.consumer] = "\(settings.name)"
        let opened = try await open(logger)
        let board = SweepRequests()
        let applier = BatchApplier(
            settings: settings, codec: staging.codec, handlers: handlers, staging: staging, store: store,
            context: context, registration: opened.registration, knownParked: { board.parked })
        let runtime = ConsumerRuntime(
            settings: settings, codec: staging.codec, handlers: handlers, log: log, store: store,
            source: opened.source, applier: applier, desk: InFlightDeliveries(), counters: counters, context: context,
            board: board, logger: logger, wakeRelay: wakeRelay)
        logger.notice("the consumer is running")
        let outcome = await Self.outcome(of: runtime)
        await ConsumerPause(runtime: runtime).letGo(delay: .zero)
        await opened.source.close()
        logger.notice("the consumer has stopped")
        try outcome.get()
    }

    /// Runs the loops; the first one to end ends the others.
    private static func outcome(of runtime: ConsumerRuntime) async -> Result<Void, any Error> {
        await withTaskGroup(of: Result<Void, any Error>.self) { group in
            group.addTask { await capture { try await ApplyLoop(runtime: runtime).run() } }
            group.addTask { await capture { try await Sweeper(runtime: runtime).run() } }
            group.addTask { await capture { try await ProgressLoop(runtime: runtime).run() } }
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

extension Consumer {
    private struct Opened {
        let source: any DeliverySource
        let registration: ConsumerRegistration
    }

    /// Ties the consumer to its database and its stream, and subscribes; waits for either of them as long as it takes.
    private func open(_ logger: Logger) async throws -> Opened {
        var attempts = 0
        while true {
            do {
                let registration = try await register()
                let source = try await log.subscribe(
                    Subscription(
                        durableName: durableName, onlyType: onlyType,
                        acknowledgementWait: settings.acknowledgementWait,
                        maxAcknowledgementPending: settings.maxAcknowledgementPending, pullLimit: settings.batch,
                        byteLimit: settings.batchBytes, storeID: registration.storeID, takesOver: settings.takesOver))
                try await check(registration, before: source)
                if attempts > 0 { logger.notice("broker and database are there") }
                return Opened(source: source, registration: registration)
            } catch {
                guard Self.isTemporary(error) else { throw error }
                attempts += 1
                if attempts == 1 {
                    logger.warning(
                        "broker or database is away, the consumer waits for it",
                        metadata: [LogKey.error: "\(error)"])
                }
                let bound = RetryPolicy(initialDelay: .milliseconds(250), maxDelay: .seconds(5))
                    .bound(beforeAttempt: attempts + 1)
                try await context.time.sleep(for: bound / 2 + context.jitter(upTo: bound / 2))
            }
        }
    }

    private var onlyType: AggregateType? {
        guard let aggregates = settings.aggregates, aggregates.count == 1 else { return nil }
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
            try registration.check(try await log.state(), for: settings.name)
        } catch {
            await source.close()
            throw error
        }
    }

    private func register() async throws -> ConsumerRegistration {
        let state = try await log.state()
        let fresh = ConsumerRegistration(
            storeID: context.mintUUID(), stream: state.name, streamCreatedAt: state.createdAt)
        let name = settings.name
        let registration = try await store.transaction { transaction in
            try transaction.registration(name, insertingIfAbsent: fresh)
        }
        try registration.check(state, for: name)
        return registration
    }
}

/// Every third of the acknowledgement wait it says in-progress for what is delivered and not finished, and looks whether
/// the stream is still the consumer's: one that was created anew may have a durable consumer of the same name, whose
/// deliveries look like any other.
struct ProgressLoop: Sendable {
    let runtime: ConsumerRuntime

    /// Runs until cancelled.
    func run() async throws {
        while true {
            try await runtime.context.time.sleep(for: runtime.settings.acknowledgementWait / 3)
            let inHand = runtime.desk.inHand
            if !inHand.isEmpty { await runtime.source.answer(.inProgress, to: inHand) }
            do {
                try runtime.applier.registration.check(try await runtime.log.state(), for: runtime.settings.name)
            } catch is EventLogError {
                // The broker is away, or the stream is gone: whoever receives from it waits, or ends with the reason.
            }
        }
    }
}
