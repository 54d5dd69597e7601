/// A scenario of either kind, for programs that explore, record and replay.
package enum SmallWorld: Hashable, Sendable, Codable {
    /// Replicas of a consumer.
    case consumers(ConsumerScenario)
    /// Relays of an outbox.
    case relays(RelayScenario)

    package var name: String { scenario.name }
    package var problem: String? { scenario.problem }

    private var scenario: any Scenario {
        switch self {
        case .consumers(let scenario): scenario
        case .relays(let scenario): scenario
        }
    }

    /// The worlds that are explored to their end.
    /// - Parameter long: With the larger ones, which take minutes.
    package static func explored(long: Bool = false) -> [SmallWorld] {
        (ConsumerScenario.explored + (long ? ConsumerScenario.exploredLong : [])).map(SmallWorld.consumers)
            + RelayScenario.explored.map(SmallWorld.relays)
    }

    /// Explores everything that can happen.
    /// - Throws: ``ScenarioError``.
    package func explore(progress: (Int) -> Void = { _ in }) throws -> SearchResult {
        switch self {
        case .consumers(let scenario):
            var search = try ExhaustiveSearch<ConsumerWorld>(scenario)
            return search.run(progress: progress)
        case .relays(let scenario):
            var search = try ExhaustiveSearch<RelayWorld>(scenario)
            return search.run(progress: progress)
        }
    }

    func check(_ steps: [String]) throws {
        switch self {
        case .consumers: for step in steps { _ = try Step<ConsumerWorld.Action>(parsing: step) }
        case .relays: for step in steps { _ = try Step<RelayWorld.Action>(parsing: step) }
        }
    }

    func replay(_ steps: [String]) throws -> Recording.Replay {
        switch self {
        case .consumers(let scenario): try Self.replay(steps, in: Schedules<ConsumerWorld>(scenario))
        case .relays(let scenario): try Self.replay(steps, in: Schedules<RelayWorld>(scenario))
        }
    }

    private static func replay<W: World>(_ steps: [String], in schedules: Schedules<W>) throws -> Recording.Replay {
        let schedule = schedules.replay(try steps.map { try Step(parsing: $0) })
        return Recording.Replay(
            violation: schedule.violation, timeline: schedules.world.timeline(of: schedule.steps),
            traceHash: schedule.traceHash)
    }
}
