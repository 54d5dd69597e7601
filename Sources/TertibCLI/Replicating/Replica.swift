import Logging
import ServiceLifecycle
import TertibRuntime
import TertibConfiguration
import TertibCore

/// One replica of the ready-made consumer, as a service: opens, waits for what is away, runs, and closes.
struct Replica: Service {
    let configuration: ServiceConfiguration
    /// The configuration's, with what the command line adds.
    let options: EventBusOptions
    let consumer: ConsumerName
    let logger: Logger
    let reporting: Reporting

    /// Runs until the service group shuts down.
    func run() async throws {
        let opened: EventBus
        do {
            opened = try await cancelWhenGracefulShutdown { try await open() }
        } catch is CancellationError {
            return  // asked to stop while it waited: nothing is open, and nothing is in hand
        }
        let outcome = await Self.outcome { try await run(opened) }
        await opened.close()
        try outcome.get()
    }

    private func run(_ opened: EventBus) async throws {
        let context = RuntimeContext(logger: logger)
        let tertib = try EventBus(options: options, log: opened.log, store: opened.store, context: context)
        let running = try tertib.consumer(consumer.text, handlers: .replica)
        await reporting.begin()
        let outcome = await withTaskGroup(of: Result<Void, any Error>?.self) { group in
            group.addTask { await Self.outcome { try await running.run() } }
            group.addTask {
                await reporting.run(running, named: consumer, of: tertib)
                return nil
            }
            var outcome: Result<Void, any Error> = .success(())
            while let ended = await group.next() {
                guard let ended else { continue }
                outcome = ended
                group.cancelAll()
            }
            return outcome
        }
        try outcome.get()
        reporting.end(running.counts, of: consumer)
    }

    private static func outcome(of body: () async throws -> Void) async -> Result<Void, any Error> {
        do {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }

    /// Opens log and store; waits for a database that is away as long as it takes, and says so once.
    private func open() async throws -> EventBus {
        let policy = RetryPolicy(initialDelay: .milliseconds(250), maxDelay: .seconds(5))
        var attempts = 1
        while true {
            do {
                let context = RuntimeContext(logger: logger)
                return try await EventBus.open(configuration: configuration, context: context)
            } catch let error where Self.isTemporary(error) {
                if attempts == 1 {
                    logger.warning(
                        "broker or database is away, the replica waits for it",
                        metadata: ["tertib.error": "\(error)"])
                }
                attempts += 1
                try await Task.sleep(for: policy.delay(beforeAttempt: attempts, jitter: .random(in: 0.5..<1)))
            }
        }
    }

    private static func isTemporary(_ error: any Error) -> Bool {
        switch error {
        case let error as StoreError: error.isRetriable
        case let error as EventLogError: error.isRetriable
        default: false
        }
    }
}
