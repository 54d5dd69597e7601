/// Walks through one small world at random: each seed is one schedule, with all oracles at each step.
package final class RandomSchedules {
    private let model: ExplorerModel
    /// How often rare things have happened so far.
    package private(set) var branches = BranchCounts()
    /// How many steps were taken so far.
    package private(set) var steps = 0

    /// At most so many steps a schedule; one that is not at rest by then never comes to rest.
    private static let limit = 5000

    package init(_ world: SmallWorld) throws {
        model = try ExplorerModel(world)
    }

    package var world: SmallWorld { model.world }

    /// Runs the schedule of a seed to its rest.
    /// - Returns: the first violation, with the whole way to it; see ``shrunk(_:)``.
    package func run(seed: UInt64) -> ExplorerFinding? {
        var random = SeededGenerator(seed: seed)
        var state = model.initialState
        // Each run goes without half of the faults, else rare pairs of them would never meet.
        for fault in Fault.allCases where fault != .sweep && random.next() & 1 == 0 {
            state.allowance[fault.rawValue] = 0
        }
        var way: [ExplorerStep] = []
        var possible: [ExplorerStep] = []
        while way.count < Self.limit {
            if model.isAtRest(state) {
                return model.checkRest(state).map { finding($0, way, seed) }
            }
            possible.removeAll(keepingCapacity: true)
            model.appendSteps(of: state, to: &possible)
            guard !possible.isEmpty else {
                return halt("everybody waits for somebody else", way, seed)
            }
            let step = possible[Int(random.next() % UInt64(possible.count))]
            branches.count(step, from: state, in: model)
            steps += 1
            way.append(step)
            if let violation = model.take(step, in: &state) { return finding(violation, way, seed) }
        }
        return halt("there is no rest after \(Self.limit) steps", way, seed)
    }

    private func halt(_ why: String, _ way: [ExplorerStep], _ seed: UInt64) -> ExplorerFinding? {
        model.jury.judge(.halted(why)).map { finding($0, way, seed) }
    }

    private func finding(_ violation: ExplorerViolation, _ way: [ExplorerStep], _ seed: UInt64) -> ExplorerFinding {
        var finding = ExplorerFinding(model.world, violation, way, in: model)
        finding.origin = "seed \(seed)"
        return finding
    }

    /// The same violation by fewer steps: what can be left out is left out, first large parts, then single steps.
    package func shrunk(_ finding: ExplorerFinding) -> ExplorerFinding {
        var way = finding.steps
        var size = max(1, way.count / 2)
        while true {
            var isShorter = false
            var start = 0
            while start < way.count {
                let without = Array(way[..<start] + way[min(way.count, start + size)...])
                if let shorter = replay(without, oracle: finding.violation.oracle), shorter.count < way.count {
                    way = shorter
                    isShorter = true
                } else {
                    start += size
                }
            }
            if !isShorter, size == 1 { break }
            size = max(1, size / 2)
        }
        var state = model.initialState
        var violation = finding.violation
        for step in way { violation = model.take(step, in: &state) ?? violation }
        var shrunk = ExplorerFinding(model.world, violation, way, in: model)
        shrunk.origin = finding.origin
        return shrunk
    }

    /// Takes those of the steps that are possible; those up to the violation, if there is the same one again.
    private func replay(_ steps: [ExplorerStep], oracle: String) -> [ExplorerStep]? {
        var state = model.initialState
        var way: [ExplorerStep] = []
        var possible: [ExplorerStep] = []
        for step in steps {
            possible.removeAll(keepingCapacity: true)
            model.appendSteps(of: state, to: &possible)
            guard possible.contains(step) else { continue }
            way.append(step)
            if let violation = model.take(step, in: &state) { return violation.oracle == oracle ? way : nil }
        }
        guard model.isAtRest(state), model.checkRest(state)?.oracle == oracle else { return nil }
        return way
    }
}
