/// Makes a violation smaller: a smaller world in which the same oracle still objects, then the shortest way to it there.
package struct ExplorerShrinker {
    private let oracle: String
    private let others: [any Oracle]
    private var world: SmallWorld
    private var steps: [ExplorerStep]

    /// A small world is explored to its shortest way, up to so many states.
    private static let searchLimit = 150_000

    /// The least violation by the same oracle.
    package static func minimise(
        _ finding: ExplorerFinding, also others: [any Oracle] = []
    ) throws -> ExplorerFinding {
        var shrinker = ExplorerShrinker(
            oracle: finding.violation.oracle, others: others, world: finding.world, steps: finding.steps)
        let replay = ExplorerReplay(model: try ExplorerModel(finding.world, also: others))
        shrinker.steps = replay.shrunk(finding.steps, oracle: shrinker.oracle)
        while shrinker.shrinksWorld() {}
        var least = try shrinker.shortest() ?? finding
        least.origin = finding.origin
        return least
    }

    /// The shortest way, if everything up to it can be explored, else the one that is left.
    private func shortest() throws -> ExplorerFinding? {
        var search = try ExhaustiveSearch(world, limit: Self.searchLimit, also: others)
        if let found = search.run().finding, found.violation.oracle == oracle, found.steps.count <= steps.count {
            return found
        }
        let replay = ExplorerReplay(model: try ExplorerModel(world, also: others))
        return replay.finding(replay.walk(steps))
    }

    /// Takes the first smaller world in which the steps that are left of the way still lead there.
    private mutating func shrinksWorld() -> Bool {
        for (world, steps) in candidates where world.fault == nil {
            // A world that cannot be set up is no smaller one of this kind.
            guard let model = try? ExplorerModel(world, also: others) else { continue }
            let replay = ExplorerReplay(model: model)
            let walk = replay.walk(steps)
            guard walk.violation?.oracle == oracle else { continue }
            self.world = world
            self.steps = replay.shrunk(walk.steps, oracle: oracle)
            return true
        }
        return false
    }

    /// Worlds with one thing less, each with the steps as they are called there.
    private var candidates: [(SmallWorld, [ExplorerStep])] {
        var candidates: [(SmallWorld, [ExplorerStep])] = []
        var frugal = world
        frugal.allowance = spent
        if frugal != world { candidates.append((frugal, steps)) }
        for message in world.messages.indices {
            candidates.append(without(message, closingUp: true))
            candidates.append(without(message, closingUp: false))
        }
        for thread in 0..<world.threads {
            candidates.append(without(thread: thread, in: nil))
            for other in 0..<world.replicas where thread < world.replicas && other != thread {
                candidates.append(without(thread: thread, in: other))
            }
        }
        for message in world.messages.indices where world.messages[message].behaviour != .applies {
            candidates.append((changed { $0.messages[message].behaviour = .applies }, steps))
        }
        if world.allowance.duplicates > 0 { candidates.append((changed { $0.allowance.duplicates -= 1 }, steps)) }
        if world.maxAttempts > 1 { candidates.append((changed { $0.maxAttempts -= 1 }, steps)) }
        if world.holds { candidates.append((changed { $0.holds = false }, steps)) }
        if world.isolation == .readCommitted { candidates.append((changed { $0.isolation = .oneWriter }, steps)) }
        return candidates
    }

    private func changed(_ change: (inout SmallWorld) -> Void) -> SmallWorld {
        var changed = world
        change(&changed)
        return changed
    }

    /// What the steps need to go wrong.
    private var spent: SmallWorld.Allowance {
        var state = SmallWorld.Allowance()
        var needed = 0
        for step in steps {
            switch step.kind {
            case .crash: state.crashes += 1
            case .loseAcknowledgement: state.lostAcknowledgements += 1
            case .callConflicts: state.conflicts += 1
            case .commitIsUnknown, .commitIsLost: state.unknownCommits += 1
            case .sweep: state.sweeps += 1
            case .callFails: state.failures += 1
            case .giveBack: state.returns += 1
            case .deliver: needed += 1
            case .begin, .beginAfterHold, .call, .commit, .acknowledge, .wake, .repair, .timePasses: break
            }
        }
        state.duplicates = needed > 0 ? world.allowance.duplicates : 0
        return state
    }

    /// A world without a message; its aggregate's later versions close up, or there is a gap for good.
    private func without(_ message: Int, closingUp: Bool) -> (SmallWorld, [ExplorerStep]) {
        var smaller = world
        let gone = smaller.messages.remove(at: message)
        let isLast = !smaller.messages.contains { $0.aggregate == gone.aggregate && $0.version == gone.version }
        for index in smaller.messages.indices where closingUp && isLast {
            let other = smaller.messages[index]
            if other.aggregate == gone.aggregate, other.version > gone.version { smaller.messages[index].version -= 1 }
        }
        let isGone = !smaller.messages.contains { $0.aggregate == gone.aggregate }
        for index in smaller.messages.indices where isGone && smaller.messages[index].aggregate > gone.aggregate {
            smaller.messages[index].aggregate -= 1
        }
        let renamed = steps.compactMap { step -> ExplorerStep? in
            guard step.kind == .deliver else { return step }
            let number = Int(step.message)
            if number == message { return nil }
            return ExplorerStep(.deliver, Int(step.thread), message: number > message ? number - 1 : number)
        }
        return (smaller, renamed)
    }

    /// A world without a replica or sweeper; its steps are left out, or another replica takes them.
    private func without(thread: Int, in other: Int?) -> (SmallWorld, [ExplorerStep]) {
        let smaller = changed { if thread < $0.replicas { $0.replicas -= 1 } else { $0.sweepers -= 1 } }
        let renamed = steps.compactMap { step -> ExplorerStep? in
            var number = Int(step.thread)
            if step.kind != .timePasses, number == thread {
                guard let other else { return nil }
                number = other
            }
            return ExplorerStep(
                step.kind, number > thread ? number - 1 : number, message: Int(step.message))
        }
        return (smaller, renamed)
    }
}
