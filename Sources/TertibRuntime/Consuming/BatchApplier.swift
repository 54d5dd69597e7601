import Synchronization
import TertibCore

/// A batch with what applies each of its arrivals, by the same index.
struct PreparedBatch: Sendable {
    let batch: Batch
    let applications: [Handlers.Application]

    init(
        _ arrivals: [PreparedArrival] = [], malformed: [MalformedArrival] = [], wakes: Set<Aggregate> = [],
        holdable: [Bool] = []
    ) {
        batch = Batch(arrivals: arrivals.map(\.arrival), malformed: malformed, wakes: wakes, holdable: holdable)
        applications = arrivals.map(\.application)
    }
}

/// An arrival whose payload is decoded.
struct PreparedArrival: Sendable {
    let arrival: Arrival
    let application: Handlers.Application
}

/// Brings a batch through the store: does what ``BatchAttempts`` and ``BatchTransaction`` say.
struct BatchApplier: Sendable {
    let environment: ConsumerEnvironment
    private let rules: BatchTransaction.Rules
    private let sweeps: SweepRequests

    init(_ environment: ConsumerEnvironment, registration: ConsumerRegistration, sweeps: SweepRequests) {
        self.environment = environment
        self.sweeps = sweeps
        rules = BatchTransaction.Rules(
            settings: environment.settings, registration: registration, codec: environment.codec)
    }

    /// Applies a batch and commits.
    /// - Throws: ``StoreError`` for conflicts and outages. Never a handler's failure: that is in the report.
    /// - Parameter carefully: Begin with a savepoint an event, because one of them has failed before.
    func apply(_ batch: PreparedBatch, carefully: Bool = false) async throws -> BatchReport {
        var attempts = BatchAttempts(
            batch.batch, rules: rules, knownParked: sweeps.parked, isCareful: carefully)
        var ended = AttemptEnd(input: .begin)
        while true {
            switch attempts.advance(ended.input, at: environment.time.monotonic) {
            case .run(let transaction): ended = await run(transaction, batch.applications)
            case .finish(let report): return report
            case .fail: throw ended.error
            }
        }
    }

    /// Runs one transaction, and says how it ended.
    private func run(
        _ machine: BatchTransaction, _ applications: [Handlers.Application]
    ) async -> AttemptEnd {
        // A failure that shows only at the commit is blamed on the last event whose handler was run.
        let lastEvent = Mutex<EventKey?>(nil)
        do {
            let report = try await environment.store.transaction { [environment] transaction in
                var run = TransactionRun(
                    environment: environment, transaction: transaction, applications: applications, machine: machine)
                defer { lastEvent.withLock { $0 = run.machine.lastEvent } }
                return try run.run()
            }
            return AttemptEnd(input: .committed(report))
        } catch {
            return AttemptEnd(error, lastEvent: lastEvent.withLock { $0 })
        }
    }
}

/// How a transaction ended, for the machine and for the caller.
private struct AttemptEnd {
    let input: BatchAttempts.Input
    var error: any Error = CancellationError()

    init(input: BatchAttempts.Input) {
        self.input = input
    }

    init(_ error: any Error, lastEvent: EventKey?) {
        self.error = error
        input =
            switch error {
            case let error as GaveUp: .gaveUp(error.failure)
            case let error as StoreError where !error.isRetriable:
                .refused(HandlerFailure(describing: error), lastEvent: lastEvent)
            default: .interrupted(reason: "\(error)")
            }
    }
}

/// Rolls a transaction back that the machine has given up.
private struct GaveUp: Error {
    let failure: BatchTransaction.Failure
}

/// One transaction of a batch: does what the machine says.
private struct TransactionRun {
    let environment: ConsumerEnvironment
    let transaction: any StoreTransaction
    let applications: [Handlers.Application]
    var machine: BatchTransaction

    private var consumer: ConsumerName { environment.settings.name }

    mutating func run() throws -> BatchReport {
        var input = BatchTransaction.Input.begun(at: try transaction.now(), random: environment.context.random())
        while true {
            switch machine.advance(input) {
            case .readWatermarks(let aggregates):
                let rows = try transaction.watermarks(consumer, of: aggregates)
                input = .watermarks(aggregates.map { rows[$0] })
            case .claim(let watermarks):
                let won = try transaction.claim(consumer, watermarks)
                input = .claimed(watermarks.map { won[$0.aggregate] })
            case .readDeadLetters(let aggregates):
                input = .deadLetters(try transaction.openDeadLetters(consumer, of: aggregates))
            case .readTime:
                input = .time(environment.time.monotonic)
            case .readParked(let aggregate, let version, let limit):
                input = .parked(try transaction.parked(consumer, of: aggregate, from: version, limit: limit))
            case .apply(let event, underSavepoint: false):
                input = try runHandler(of: event)
            case .apply(let event, underSavepoint: true):
                input = try runHandlerUnderSavepoint(of: event)
            case .deleteParked(let aggregate, let version):
                input = .deleted(try transaction.deleteParked(consumer, of: aggregate, through: version))
            case .park(let rows):
                input = .alreadyParked(try transaction.park(consumer, rows))
            case .replaceParked(let row):
                try transaction.replaceParked(consumer, row)
                input = .done
            case .saveDeadLetter(let deadLetter):
                try transaction.saveDeadLetter(consumer, deadLetter)
                input = .done
            case .writeWatermarks(let watermarks):
                try transaction.write(consumer, watermarks)
                input = .done
            case .finish(let report): return report
            case .giveUp(let failure): throw GaveUp(failure: failure)
            }
        }
    }
}

// MARK: - Handlers

extension TransactionRun {
    private func runHandler(of event: BatchEvent) throws -> BatchTransaction.Input {
        let hasStaged: Bool
        do {
            hasStaged = try perform(event)
        } catch {
            try throwInfrastructureFailure(unlessLostBy: error)
            return .failed(HandlerFailure(describing: error))
        }
        try throwInfrastructureFailure()
        return .applied(hasStaged: hasStaged)
    }

    private func runHandlerUnderSavepoint(of event: BatchEvent) throws -> BatchTransaction.Input {
        var hasStaged = false
        var failure: HandlerFailure?
        do {
            try transaction.savepoint {
                do {
                    hasStaged = try perform(event)
                    try transaction.settle()  // what this event has enqueued fails here, where it is this event's
                    try throwInfrastructureFailure()
                } catch {
                    failure = HandlerFailure(describing: error)
                    throw error
                }
            }
            return .applied(hasStaged: hasStaged)
        } catch let error as StoreError where error.code == .transactionLost {
            return .transactionLost(failure ?? HandlerFailure(describing: error))
        } catch {
            try throwInfrastructureFailure(unlessLostBy: error)
            guard let failure else { throw error }  // the savepoint itself has failed
            return .failed(failure)
        }
    }

    /// Runs the handler of one event; returns whether it has staged something.
    private func perform(_ event: BatchEvent) throws -> Bool {
        let application: Handlers.Application
        let envelope: Envelope
        switch event {
        case .arrival(let index):
            application = applications[index]
            envelope = machine.batch.arrivals[index].envelope
        case .parked(let row):
            do {
                envelope = try environment.codec.decode(try row.message(environment.codec))
            } catch {
                throw HandlerFailure("the parked event cannot be read back: \(error)")
            }
            application = environment.handlers.prepare(envelope)
        }
        let handle = HandlerTransaction(store: transaction, staging: environment.staging, cause: envelope.cause)
        try application(handle)
        return handle.hasStaged
    }

    /// A conflict or an outage is never the handler's failure, not even when the handler has swallowed it. Only that the
    /// transaction was lost may be what the handler itself has done.
    private func throwInfrastructureFailure(unlessLostBy error: (any Error)? = nil) throws {
        guard let failure = transaction.infrastructureFailure ?? (error as? StoreError), failure.isInfrastructure else {
            return
        }
        if failure.code != .transactionLost || error == nil { throw failure }
    }
}
