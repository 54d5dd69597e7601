import TertibRuntime
package import TertibTesting

/// What came of exploring a world to its end.
package struct SearchResult: Sendable {
    package let world: String
    package internal(set) var states = 0
    package internal(set) var transitions = 0
    /// States in which nothing is under way.
    package internal(set) var statesAtRest = 0
    package internal(set) var depth = 0
    package internal(set) var seconds = 0.0
    /// Whether the limit of states ended the search before everything was explored.
    package internal(set) var isCutOff = false
    package internal(set) var branches: BranchCounts
    package internal(set) var finding: Finding?

    /// Whether everything was explored, and no oracle objected.
    package var isRight: Bool { finding == nil && !isCutOff }
}

/// Explores everything that can happen in a world, breadth first, so that no schedule to the first violation is shorter
/// than the one that is reported.
package struct ExhaustiveSearch<W: World> {
    private let world: W
    private let limit: Int
    private var visited = FingerprintSet()
    /// The step by which each state was reached, and from which one.
    private var origins: [(parent: UInt32, step: Step<W.Action>)] = []
    private var result: SearchResult
    /// The schedule to the violation, if there is one.
    package private(set) var schedule: Schedule<W>?

    private typealias Frontier = [(number: UInt32, state: W.State)]

    /// Prepares the search through at most `limit` states.
    /// - Throws: ``ScenarioError``.
    package init(_ setup: W.Setup, limit: Int = 100_000_000, also others: [any Oracle] = []) throws {
        world = try W(setup, also: others)
        self.limit = limit
        result = SearchResult(world: setup.name, branches: BranchCounts(of: W.Branch.self))
    }

    /// Explores until everything was visited, a violation was found, or the limit is reached.
    /// - Parameter progress: Is called at each step in depth, with the states so far.
    package mutating func run(progress: (Int) -> Void = { _ in }) -> SearchResult {
        let clock = SystemTime()
        let start = clock.monotonic
        let first = world.initialState
        _ = visited.insert(Fingerprint(world.canonical(first)))
        var frontier: Frontier = [(0, first)]
        while !frontier.isEmpty, schedule == nil, !result.isCutOff {
            result.depth += 1
            frontier = expand(frontier)
            progress(visited.count)
        }
        result.states = visited.count
        result.seconds = (clock.monotonic - start) / .seconds(1)
        result.finding = schedule.flatMap { Finding($0, in: world, origin: "exploration to the end") }
        return result
    }

    private mutating func expand(_ frontier: Frontier) -> Frontier {
        var next: Frontier = []
        var possible: [Step<W.Action>] = []
        for (number, state) in frontier {
            possible.removeAll(keepingCapacity: true)
            world.appendSteps(of: state, to: &possible)
            let stillness = checkStillness(state, hasSteps: !possible.isEmpty)
            if let violation = stillness.violation {
                end(violation, at: number, then: stillness.steps)
                return []
            }
            for step in possible {
                var reached = state
                result.transitions += 1
                world.count(step, from: state, in: &result.branches)
                if let violation = world.take(step, in: &reached) {
                    end(violation, at: number, then: [step])
                    return []
                }
                guard visited.insert(Fingerprint(world.canonical(reached))) else { continue }
                origins.append((number, step))
                next.append((UInt32(origins.count), reached))
                if visited.count >= limit {
                    result.isCutOff = true
                    return []
                }
            }
        }
        return next
    }

    private mutating func checkStillness(
        _ state: W.State, hasSteps: Bool
    ) -> (violation: Violation?, steps: [Step<W.Action>]) {
        if world.isAtRest(state) {
            result.statesAtRest += 1
            return world.checkRest(state)
        }
        return (hasSteps ? nil : world.judge(halted: Schedules<W>.deadlock), [])
    }

    private mutating func end(_ violation: Violation, at number: UInt32, then steps: [Step<W.Action>]) {
        var reversed: [Step<W.Action>] = steps.reversed()
        var place = number
        while place != 0 {
            let origin = origins[Int(place) - 1]
            reversed.append(origin.step)
            place = origin.parent
        }
        schedule = Schedule(setup: world.setup, steps: reversed.reversed(), violation: violation)
    }
}
