import Logging
import Synchronization
import TertibCore

/// Brings a batch through the store: fast first, carefully after a handler has failed.
struct BatchApplier: Sendable {
    let settings: ConsumerSettings
    let codec: WireCodec
    let handlers: Handlers
    let staging: Staging
    let store: any ConsumerStore
    let context: RuntimeContext
    let registration: ConsumerRegistration
    /// How many rows were parked when the sweeper last counted.
    let knownParked: @Sendable () -> Int

    /// Applies a batch and commits.
    /// - Throws: ``StoreError`` for conflicts and outages. Never a handler's failure: that is in the report.
    /// - Parameter carefully: Begin with a savepoint an event, because one of them has failed before.
    func apply(_ batch: Batch, carefully: Bool = false) async throws -> BatchReport {
        if let report = try await plantedSplit(of: batch) { return report }
        if carefully { return try await applyCarefully(batch) }
        do {
            return try await transact(batch, mode: .fast)
        } catch is HandlerFailed {
            return try await applyCarefully(batch)
        } catch let error as StoreError where !error.isRetriable {
            return try await applyCarefully(batch)
        }
    }

    /// Half of the acknowledgement wait is for blaming exactly the events that fail; what is left then is let go.
    private func applyCarefully(_ batch: Batch) async throws -> BatchReport {
        let deadline = context.time.monotonic + settings.acknowledgementWait / 2
        var blamed: [Blame: HandlerFailure] = [:]
        while true {
            do {
                return try await transact(batch, mode: .careful(blamed: blamed, until: deadline))
            } catch let lost as TransactionLost {
                guard blamed.isEmpty else { return try await applyOneByOne(batch, deadline: deadline) }
                blamed[lost.blame] = lost.failure
            } catch let error as StoreError where !error.isRetriable {
                return try await applyOneByOne(batch, deadline: deadline)
            }
        }
    }

    /// The database refuses what no handler has failed at (a deferred constraint, say), or events end the transaction one
    /// after the other. Each event gets a transaction of its own, and the one whose commit is refused is blamed. What an
    /// outage or the deadline leaves over is let go; what has committed is reported.
    private func applyOneByOne(_ batch: Batch, deadline: Duration) async throws -> BatchReport {
        var report = BatchReport()
        var isOver = false
        for unit in batch.units {
            guard !isOver, context.time.monotonic <= deadline else {
                report.lost.formUnion(letGo(unit).lost)
                continue
            }
            do {
                report.add(try await applyUnit(unit, deadline: deadline))
            } catch {
                if report.isEmpty, (error as? StoreError)?.isRetriable ?? true { throw error }
                context.logger.error(
                    "an event can be neither applied nor set aside, it is given back",
                    metadata: [LogKey.error: "\(error)"])
                report.lost.formUnion(letGo(unit).lost)
                isOver = (error as? StoreError)?.isRetriable ?? true
            }
        }
        return report
    }

    private func applyUnit(_ unit: Batch, deadline: Duration) async throws -> BatchReport {
        let trail = AttemptTrail()
        let blamed: [Blame: HandlerFailure]
        do {
            let mode = BatchRun.Mode.careful(blamed: [:], until: deadline)
            return try await transact(unit, mode: mode, limit: 1, trail: trail)
        } catch let error as StoreError where !error.isRetriable {
            guard let blame = trail.last else { throw error }
            blamed = [blame: HandlerFailure(describing: error)]
        } catch let lost as TransactionLost {
            blamed = [lost.blame: lost.failure]
        }
        return try await transact(unit, mode: .careful(blamed: blamed, until: deadline), limit: 1)
    }

    func transact(
        _ batch: Batch, mode: BatchRun.Mode, limit: Int? = nil, trail: AttemptTrail? = nil
    ) async throws -> BatchReport {
        var run = BatchRun(
            settings: settings, codec: codec, handlers: handlers, staging: staging, context: context,
            registration: registration, knownParked: knownParked(), batch: batch, mode: mode)
        if let limit { run.drainLimit = limit }
        run.trail = trail
        return try await store.transaction { [run] transaction in
            try run.run(in: transaction)
        }
    }

    private func letGo(_ batch: Batch) -> BatchReport {
        var report = BatchReport()
        report.lost = Set(batch.arrivals.map(\.arrival.ticket) + batch.malformed.map(\.ticket))
        return report
    }
}

extension Batch {
    /// The batch in its smallest parts, in the order of application.
    fileprivate var units: [Batch] {
        var units: [Batch] = malformed.map { Batch(malformed: [$0]) }
        let sorted = arrivals.sorted { Arrival.isAppliedBefore($0.arrival, $1.arrival) }
        units += sorted.map { Batch(arrivals: [$0], holdable: holdable) }
        units += wakes.sorted().map { Batch(wakes: [$0]) }
        return units
    }
}

extension BatchReport {
    fileprivate var isEmpty: Bool { dispositions.isEmpty && applied == 0 && failures.isEmpty }

    fileprivate mutating func add(_ other: BatchReport) {
        dispositions.merge(other.dispositions) { _, new in new }
        lost.formUnion(other.lost)
        conflicts += other.conflicts
        appliedFromDelivery += other.appliedFromDelivery
        drained += other.drained
        repaired += other.repaired
        retried += other.retried
        parkedRows += other.parkedRows
        malformed += other.malformed
        failures += other.failures
        released += other.released
        overflow.formUnion(other.overflow)
        reachedLimits += other.reachedLimits
        hasLeftovers = hasLeftovers || other.hasLeftovers
        hasStaged = hasStaged || other.hasStaged
    }
}

/// Remembers the last event whose handler was run.
final class AttemptTrail: Sendable {
    private let value = Mutex<Blame?>(nil)

    var last: Blame? { value.withLock { $0 } }

    func note(_ blame: Blame) {
        value.withLock { $0 = blame }
    }
}
