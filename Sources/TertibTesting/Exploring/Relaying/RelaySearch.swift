import TertibRuntime

/// Explores everything that can happen in a world of relays, breadth first, so that the first violation has a shortest
/// way. Two states that differ only by which relay is which are one.
package struct RelaySearch {
    /// What was explored, and what was found.
    package struct Outcome: Sendable {
        package let world: RelayWorld
        package internal(set) var states = 0
        package internal(set) var transitions = 0
        /// States in which everything is staged and nothing is under way.
        package internal(set) var statesAtRest = 0
        package internal(set) var depth = 0
        package internal(set) var seconds = 0.0
        /// Whether the limit ended the search before everything was explored.
        package internal(set) var isCutOff = false
        package internal(set) var finding: RelayFinding?
        /// How often each kind of step was taken, and each answer of the stream that is no plain one was given.
        package internal(set) var branches: [String: Int] = [:]
    }

    private let model: RelayModel
    private let limit: Int
    private var visited = FingerprintSet()
    private var ways: [(parent: UInt32, step: RelayStep)] = []
    private var outcome: Outcome
    private var counts = [Int](repeating: 0, count: 256)

    /// Prepares the search through a world, of at most `limit` states.
    /// - Throws: ``SmallWorldFault`` for a world that cannot be explored.
    package init(_ world: RelayWorld, limit: Int = 100_000_000) throws {
        model = try RelayModel(world)
        self.limit = limit
        outcome = Outcome(world: world)
    }

    /// Explores until everything was seen, a violation was found, or the limit is reached.
    /// - Parameter progress: Is called after each step in depth, with the states so far.
    package mutating func run(progress: (Int) -> Void = { _ in }) -> Outcome {
        let clock = SystemTime()
        let start = clock.monotonic
        let first = model.initialState
        _ = visited.insert(fingerprint(first))
        ways.append((0, RelayStep(.timePasses)))
        var frontier: [(number: UInt32, state: RelayState)] = [(0, first)]
        while !frontier.isEmpty, outcome.finding == nil, !outcome.isCutOff {
            outcome.depth += 1
            frontier = expand(frontier)
            progress(visited.count)
        }
        outcome.states = visited.count
        outcome.seconds = (clock.monotonic - start) / .seconds(1)
        for number in counts.indices where counts[number] > 0 {
            guard let kind = RelayStep.Kind(rawValue: UInt8(number)) else { continue }
            outcome.branches["\(kind)", default: 0] += counts[number]
        }
        return outcome
    }

    private func fingerprint(_ state: RelayState) -> Fingerprint {
        var copy = state
        for index in 1..<model.world.relays {
            var place = index
            while place > 0, copy.nodes[place] < copy.nodes[place - 1] {
                copy.nodes.swapAt(place, place - 1)
                place -= 1
            }
        }
        return Fingerprint(copy)
    }

    private mutating func expand(
        _ frontier: [(number: UInt32, state: RelayState)]
    ) -> [(number: UInt32, state: RelayState)] {
        var next: [(number: UInt32, state: RelayState)] = []
        var possible: [RelayStep] = []
        for (number, state) in frontier {
            if model.isQuiet(state) {
                outcome.statesAtRest += 1
                let rest = model.checkRest(state)
                if let violation = rest.violation {
                    end(violation, at: number, then: rest.steps)
                    return []
                }
            }
            possible.removeAll(keepingCapacity: true)
            model.appendSteps(of: state, to: &possible)
            for step in possible {
                var reached = state
                outcome.transitions += 1
                counts[Int(step.kind.rawValue)] += 1
                let violation = model.take(step, in: &reached)
                countAnswer(to: step, from: state)
                if let violation {
                    end(violation, at: number, then: [step])
                    return []
                }
                guard visited.insert(fingerprint(reached)) else { continue }
                next.append((UInt32(ways.count), reached))
                ways.append((number, step))
                if visited.count >= limit {
                    outcome.isCutOff = true
                    return []
                }
            }
        }
        return next
    }

    private mutating func countAnswer(to step: RelayStep, from state: RelayState) {
        guard step.kind == .call, case .publish = model.book.nodes[Int(state.nodes[Int(step.number)])].call else {
            return
        }
        var again = state
        guard let call = model.book.nodes[Int(state.nodes[Int(step.number)])].call else { return }
        switch model.perform(call, &again).answer {
        case .stored(_, true): outcome.branches["duplicate", default: 0] += 1
        case .unexpected: outcome.branches["superseded", default: 0] += 1
        default: break
        }
    }

    private mutating func end(_ violation: ExplorerViolation, at number: UInt32, then steps: [RelayStep]) {
        var way: [RelayStep] = steps.reversed()
        var place = Int(number)
        while place != 0 {
            way.append(ways[place].step)
            place = Int(ways[place].parent)
        }
        outcome.finding = RelayFinding(violation, way.reversed(), in: model)
    }
}
