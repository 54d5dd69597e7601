import TertibCore

/// Walks through one small world at random: each seed is one schedule, with all oracles at each step.
package final class RandomSchedules {
    private let model: ExplorerModel
    private var replay: ExplorerReplay { ExplorerReplay(model: model) }
    /// How often rare things have happened so far.
    package private(set) var branches = BranchCounts()
    /// How many steps were taken so far.
    package private(set) var steps = 0

    /// Prepares schedules in a world that all oracles watch, and others that are given.
    package init(_ world: SmallWorld, also others: [any Oracle] = []) throws {
        model = try ExplorerModel(world, also: others)
    }

    package var world: SmallWorld { model.world }

    /// Runs the schedule of a seed to its rest.
    /// - Returns: the first violation, with the whole way to it; see ``shrunk(_:)``.
    package func run(seed: UInt64) -> ExplorerFinding? {
        finding(walk(seed: seed), seed: seed)
    }

    func finding(_ walk: ExplorerWalk, seed: UInt64) -> ExplorerFinding? {
        replay.finding(walk, origin: "seed \(seed)")
    }

    /// Walks the schedule of a seed to its rest, or to the first violation.
    package func walk(seed: UInt64) -> ExplorerWalk {
        var random = SeededGenerator(seed: seed)
        var state = model.initialState
        // Each run goes without half of the faults, else rare pairs of them would never meet.
        for fault in Fault.allCases where fault != .sweep && random.next() & 1 == 0 {
            state.allowance[fault.rawValue] = 0
        }
        var way: [ExplorerStep] = []
        var possible: [ExplorerStep] = []
        while way.count < ExplorerReplay.limit {
            if model.isAtRest(state) { return replay.walk(way, model.checkRest(state)) }
            possible.removeAll(keepingCapacity: true)
            model.appendSteps(of: state, to: &possible)
            guard !possible.isEmpty else { break }
            let step = possible[Int(random.next() % UInt64(possible.count))]
            branches.count(step, from: state, in: model)
            steps += 1
            way.append(step)
            if let violation = model.take(step, in: &state) { return replay.walk(way, violation) }
        }
        return replay.walk(way, replay.halt(state, after: way.count))
    }

    /// The steps of a schedule in this world, in words.
    package func timeline(of walk: ExplorerWalk) -> [String] { model.timeline(of: walk.steps) }

    /// The same violation by fewer steps.
    package func shrunk(_ finding: ExplorerFinding) -> ExplorerFinding {
        let way = replay.shrunk(finding.steps, oracle: finding.violation.oracle)
        return replay.finding(replay.walk(way), origin: finding.origin) ?? finding
    }
}
