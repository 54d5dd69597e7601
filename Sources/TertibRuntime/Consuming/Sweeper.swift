import Logging
import TertibCore

/// Wakes what no delivery will wake: a parked event is acknowledged, so the broker never sends it again. Drains left
/// over, retries that are due, gaps past their hold. Every replica sweeps; claims keep them apart.
struct Sweeper: Sendable {
    let runtime: ConsumerRuntime

    /// Between two looks at whether a sweep is asked for.
    private static let tick: Duration = .milliseconds(200)
    /// A sweep at least this often.
    private static let interval: Duration = .seconds(1)
    /// At most so many aggregates of each kind in one sweep.
    private static let limit = 64
    /// While something is parked, sweeps follow each other without being asked for, until so many in a row had nothing
    /// to do: a gap that stays must not keep the database busy for as long.
    private static let patience = 5

    /// Runs until cancelled.
    func run() async throws {
        var repair = Repair(runtime: runtime)
        var lastSweep = Duration.zero
        var hasFailed = false
        var unasked = 0
        while !Task.isCancelled {
            let pause = Self.tick / 2 + runtime.context.jitter(upTo: Self.tick)
            do {
                try await runtime.context.time.sleep(for: pause)
            } catch {
                return  // cancelled: the sweeper has nothing in hand
            }
            let now = runtime.context.time.monotonic
            if runtime.board.takeQuestion() { unasked = Self.patience }
            guard unasked > 0 || now - lastSweep >= Self.interval else { continue }
            lastSweep = now
            unasked = max(0, unasked - 1)
            do {
                switch try await sweep(&repair, gapLimit: Self.limit + repair.waiting) {
                case .progress: unasked = Self.patience
                case .waiting: break
                case .nothingParked: unasked = 0
                }
                hasFailed = false
            } catch is CancellationError {
                return
            } catch let error as ConsumerError {
                throw error  // no sweep after it would fare better
            } catch let error as StoreError where error.code == .conflict {
                runtime.board.ask()  // a neighbour writes; the next sweep finds what it leaves
            } catch {
                if !hasFailed {
                    runtime.logger.warning("a sweep failed, it will be repeated", metadata: [LogKey.error: "\(error)"])
                }
                hasFailed = true
            }
        }
    }

    /// What a sweep came to.
    private enum Outcome {
        /// There was something to do.
        case progress
        /// What is parked waits for a time, or for an event that is not there.
        case waiting
        case nothingParked
    }

    private func sweep(_ repair: inout Repair, gapLimit: Int) async throws -> Outcome {
        let settings = runtime.settings
        let findings = try await runtime.store.transaction { transaction in
            try SweepFindings(settings, limit: Self.limit, gapLimit: gapLimit, in: transaction)
        }
        runtime.board.count(parked: findings.parked)
        let wakes = await Result {
            if !findings.wakes.isEmpty {
                runtime.note(try await runtime.applier.apply(Batch(wakes: findings.wakes), carefully: true))
            }
        }
        var hasRepaired = false
        if !findings.gaps.isEmpty {
            hasRepaired = try await repair.run(
                findings.gaps, now: findings.now, crowded: runtime.board.takeCrowded())
        }
        try wakes.get()
        guard findings.parked > 0 else { return .nothingParked }
        return hasRepaired || !findings.wakes.isEmpty ? .progress : .waiting
    }
}

/// What a sweep finds to do, read in one transaction.
struct SweepFindings: Sendable {
    /// Aggregates with a drain left over, or a retry that is due.
    var wakes: Set<Aggregate> = []
    var gaps: [Gap] = []
    var parked: Int
    /// The database's time.
    let now: Timestamp

    /// A row from the future was parked under a wrong clock, perhaps years ahead: it has waited long enough.
    private static let farAhead = Duration.seconds(1000 * 365 * 86_400)

    init(_ settings: ConsumerSettings, limit: Int, gapLimit: Int, in transaction: any StoreTransaction) throws {
        now = try transaction.now()
        parked = try transaction.parkedCount(settings.name)
        guard parked > 0 else { return }
        if !PlantedBug.leftoversNotSwept.isActive {
            wakes.formUnion(try transaction.leftoverDrains(settings.name, limit: limit))
        }
        if !PlantedBug.retriesNotSwept.isActive {
            wakes.formUnion(
                try transaction.dueRetries(
                    settings.name, now: now, maxDelay: settings.retry.maxDelay, limit: limit))
        }
        let holdLimit = now.advanced(by: .zero - settings.gapHold)
        gaps = try transaction.gaps(settings.name, parkedBefore: now.advanced(by: Self.farAhead), limit: gapLimit)
            .filter { [now] gap in gap.oldestParkedAt < holdLimit || gap.oldestParkedAt > now }
    }
}

extension Result where Failure == any Error {
    /// Keeps what `body` throws for later.
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
