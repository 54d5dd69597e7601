extension Simulation {
    /// Runs a plan once for each call that it makes to its store and its broker while its events and disturbances last,
    /// and has that one call fail: a step of a transaction as a conflict and as an outage, a commit as rolled back and as
    /// unknown either way, a call to the broker as an outage, a publish as stored without an answer, a fetch and an answer
    /// to deliveries as lost on their way. Of these calls all, not a sample. In the ``SimulationPlan/reference`` nothing
    /// is left to do afterwards.
    ///
    /// A fetch fails in no other way: a log that is away delivers nothing, and one that throws never delivers again.
    /// - Parameters:
    ///   - jobs: How many threads.
    ///   - progress: Is called after each run with how many are done, of how many; from any of the threads.
    public func failEveryCall(
        of plan: SimulationPlan = .reference, jobs: Int = 1,
        progress: @escaping @Sendable (Int, Int) -> Void = { _, _ in }
    ) async throws -> SimulationReport {
        let calls = try await run(plan).calls
        let kinds: [(Disturbance.Kind, Int)] = [
            (.storeConflict, calls.storeSteps), (.storeAway, calls.storeSteps), (.conflict, calls.commits),
            (.unknownCommitted, calls.commits), (.unknownRolledBack, calls.commits), (.logAway, calls.logCalls),
            (.publishAnswerLost, calls.publishes), (.fetchLost, calls.fetches), (.answerLost, calls.answers),
        ]
        let failures = kinds.flatMap { kind, count in (0..<count).map { Disturbance(kind, nth: $0 + 1) } }
        return try await run(count: failures.count, jobs: jobs, progress: { progress($0, failures.count) }) { index in
            var variant = plan
            variant.disturbances.append(failures[index])
            return variant
        }
    }
}

extension SimulationPlan {
    /// A small run that has a bit of everything: gaps, a duplicate, a failing handler, a malformed message, staged
    /// and appended events, and two replicas.
    public static let reference: SimulationPlan = {
        var options = SimulationOptions(plain: 1)
        options.milliseconds = 600
        options.deliveryWindow = 4
        options.meetsAtRows = true
        options.slowness = 0.2
        let order = [(0, 2), (0, 1), (100, 4), (100, 1), (200, 3), (300, 6), (500, 5)]
        var events = order.map { at, version in Event(at: at, aggregate: "product/1", version: version) }
        events.insert(Event(at: 200, aggregate: "product/2", version: 1), at: 5)
        events.append(Event(at: 500, aggregate: "product/2", version: 1, kind: .malformed))
        return SimulationPlan(
            options: options, events: events,
            staged: [
                Staged(at: 50, replica: 0, aggregate: "order/1", count: 2),
                Staged(at: 250, replica: 1, aggregate: "order/1", count: 1),
            ],
            appended: [Appended(at: 150, replica: 0, aggregate: "account/1", count: 2, expects: true)],
            failing: [Failing(aggregate: "product/1", version: 3, times: 1)], disturbances: [])
    }()
}
