import TertibRuntime

/// Explores everything that can happen in a small world, breadth first, so that the first violation has a shortest way.
///
/// Two states that differ only by which replica is which are one. A state is remembered by 128 bits of fingerprint: that
/// two states share one by chance is less likely than a fault of the machine.
package struct ExhaustiveSearch {
    /// What was explored, and what was found.
    package struct Outcome: Sendable {
        package let world: SmallWorld
        package internal(set) var states = 0
        package internal(set) var transitions = 0
        /// States in which everything is acknowledged and nobody works.
        package internal(set) var statesAtRest = 0
        /// Transactions, told apart by what they are about and what the store answered.
        package internal(set) var transactions = 0
        package internal(set) var depth = 0
        package internal(set) var seconds = 0.0
        /// Whether the limit ended the search before everything was explored.
        package internal(set) var isCutOff = false
        package internal(set) var finding: ExplorerFinding?
        package internal(set) var branches = BranchCounts()
    }

    private let model: ExplorerModel
    private let limit: Int
    private var visited = FingerprintSet()
    private var parents: [UInt32] = []
    private var steps: [UInt32] = []
    private var outcome: Outcome

    /// Prepares the search through a world, of at most `limit` states.
    package init(_ world: SmallWorld, limit: Int = 100_000_000, also others: [any Oracle] = []) throws {
        model = try ExplorerModel(world, also: others)
        self.limit = limit
        outcome = Outcome(world: world)
    }

    /// Explores until everything was seen, a violation was found, or the limit is reached.
    package mutating func run() -> Outcome {
        let clock = SystemTime()
        let start = clock.monotonic
        var frontier = [(number: UInt32, state: ExplorerState)]()
        let first = model.initialState
        _ = visited.insert(first.fingerprint(model.world))
        remember(parent: 0, step: 0)
        frontier.append((0, first))
        while !frontier.isEmpty, outcome.finding == nil, !outcome.isCutOff {
            outcome.depth += 1
            frontier = expand(frontier)
        }
        outcome.states = visited.count
        outcome.transactions = model.book.nodes.count
        outcome.seconds = (clock.monotonic - start) / .seconds(1)
        return outcome
    }

    private mutating func expand(
        _ frontier: [(number: UInt32, state: ExplorerState)]
    ) -> [(number: UInt32, state: ExplorerState)] {
        var next: [(number: UInt32, state: ExplorerState)] = []
        var possible: [ExplorerStep] = []
        for (number, state) in frontier {
            possible.removeAll(keepingCapacity: true)
            model.appendSteps(of: state, to: &possible)
            if let violation = checkStillness(state, possible) {
                outcome.finding = finding(violation, at: number, then: nil)
                return []
            }
            for step in possible {
                var reached = state
                outcome.transitions += 1
                outcome.branches.count(step, from: state, in: model)
                if let violation = model.take(step, in: &reached) {
                    outcome.finding = finding(violation, at: number, then: step)
                    return []
                }
                guard visited.insert(reached.fingerprint(model.world)) else { continue }
                next.append((UInt32(parents.count), reached))
                remember(parent: number, step: step.packed)
                if visited.count >= limit {
                    outcome.isCutOff = true
                    return []
                }
            }
        }
        return next
    }

    private mutating func checkStillness(_ state: ExplorerState, _ possible: [ExplorerStep]) -> ExplorerViolation? {
        if model.isAtRest(state) {
            outcome.statesAtRest += 1
            return model.checkRest(state)
        }
        guard possible.isEmpty else { return nil }
        return model.jury.judge(.halted("everybody waits for somebody else"))
    }

    private mutating func remember(parent: UInt32, step: UInt32) {
        parents.append(parent)
        steps.append(step)
    }

    private func finding(_ violation: ExplorerViolation, at number: UInt32, then step: ExplorerStep?) -> ExplorerFinding
    {
        var way: [ExplorerStep] = step.map { [$0] } ?? []
        var place = Int(number)
        while place != 0 {
            way.append(ExplorerStep(packed: steps[place]))
            place = Int(parents[place])
        }
        return ExplorerFinding(model.world, violation, way.reversed(), in: model)
    }
}
