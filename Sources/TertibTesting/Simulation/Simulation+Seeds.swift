import Synchronization

extension Simulation {
    /// Runs many seeds, on several threads.
    /// - Parameters:
    ///   - twice: Runs each seed a second time, and compares.
    ///   - jobs: How many threads.
    ///   - failureLimit: Ends after so many runs that failed.
    ///   - progress: Is called after each run with how many are done; from any of the threads.
    /// - Throws: `CancellationError` when the task is cancelled, after the runs under way.
    public func run(
        seeds: Range<UInt64>, twice: Bool = false, jobs: Int = 1, failureLimit: Int = .max,
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> SimulationReport {
        try await run(
            count: Self.count(seeds), twice: twice, jobs: jobs, failureLimit: failureLimit, progress: progress
        ) { SimulationPlan(SimulationOptions(seed: seeds.lowerBound + UInt64($0))) }
    }

    /// How many seeds there are. Those beyond `Int.max` nobody comes to.
    static func count(_ seeds: Range<UInt64>) -> Int { Int(clamping: seeds.upperBound - seeds.lowerBound) }

    /// Runs many plans, on several threads.
    func run(
        count: Int, twice: Bool = false, jobs: Int, failureLimit: Int = .max,
        progress: @escaping @Sendable (Int) -> Void, plan: @escaping @Sendable (Int) -> SimulationPlan
    ) async throws -> SimulationReport {
        let start = ContinuousClock.now
        let round = Round(count)
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<max(1, jobs) {
                    group.addTask { [subject] in
                        try await SimulationRun.onThread {
                            while let index = round.next(failureLimit: failureLimit) {
                                let plan = plan(index)
                                let outcome = try SimulationRun.run(plan, subject: subject)
                                let isEqual =
                                    try !twice
                                    || SimulationRun.run(plan, subject: subject).traceHash == outcome.traceHash
                                progress(round.add(outcome, isEqual: isEqual))
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        } onCancel: {
            round.end()
        }
        try Task.checkCancellation()
        return round.report(after: ContinuousClock.now - start)
    }
}

/// The runs that are left, and what came of the others.
private final class Round: Sendable {
    private struct State {
        var next = 0
        var isOver = false
        var report = SimulationReport()
    }
    private let count: Int
    private let state = Mutex(State())

    init(_ count: Int) {
        self.count = count
    }

    func next(failureLimit: Int) -> Int? {
        state.withLock { state in
            guard !state.isOver, state.next < count, state.report.failed < failureLimit else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    /// No further run begins.
    func end() { state.withLock { $0.isOver = true } }

    /// - Returns: how many are done.
    func add(_ outcome: SimulationOutcome, isEqual: Bool) -> Int {
        state.withLock { state in
            state.report.add(outcome)
            if !isEqual { state.report.unequal.append(outcome.plan.options.seed) }
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
