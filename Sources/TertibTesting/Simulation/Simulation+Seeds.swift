import Synchronization

extension Simulation {
    /// Runs many seeds, on several threads.
    /// - Parameters:
    ///   - twice: Runs each seed a second time, and compares.
    ///   - jobs: How many threads.
    ///   - failureLimit: Ends after so many runs that failed.
    ///   - progress: Is called after each run with how many are done; from any of the threads.
    public func run(
        seeds: Range<UInt64>, twice: Bool = false, jobs: Int = 1, failureLimit: Int = .max,
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> SimulationReport {
        let start = ContinuousClock.now
        let round = Round(seeds)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<max(1, jobs) {
                group.addTask { [self] in
                    try await SimulationRun.onThread {
                        while let seed = round.next(failureLimit: failureLimit) {
                            let outcome = try runOnThisThread(seed: seed)
                            let isEqual = try !twice || runOnThisThread(seed: seed).traceHash == outcome.traceHash
                            progress(round.add(outcome, seed: seed, isEqual: isEqual))
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        return round.report(after: ContinuousClock.now - start)
    }

    private func runOnThisThread(seed: UInt64) throws -> SimulationOutcome {
        try SimulationRun.run(SimulationPlan(SimulationOptions(seed: seed)), subject: subject)
    }
}

/// The seeds that are left, and what came of the others.
private final class Round: Sendable {
    private struct State {
        var next: UInt64
        var report = SimulationReport()
    }
    private let end: UInt64
    private let state: Mutex<State>

    init(_ seeds: Range<UInt64>) {
        end = seeds.upperBound
        state = Mutex(State(next: seeds.lowerBound))
    }

    func next(failureLimit: Int) -> UInt64? {
        state.withLock { state in
            guard state.next < end, state.report.failed < failureLimit else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    /// - Returns: how many are done.
    func add(_ outcome: SimulationOutcome, seed: UInt64, isEqual: Bool) -> Int {
        state.withLock { state in
            state.report.add(outcome, seed: seed)
            if !isEqual { state.report.unequal.append(seed) }
            return state.report.schedules
        }
    }

    func report(after elapsed: Duration) -> SimulationReport {
        state.withLock { state in
            state.report.elapsed = elapsed
            state.report.unequal.sort()
            return state.report
        }
    }
}
