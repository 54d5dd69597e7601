import TertibCore
package import TertibTesting

/// One schedule: a scenario, and the steps that were taken in it.
package struct Schedule<W: World>: Sendable {
    package let setup: W.Setup
    package let steps: [Step<W.Action>]
    /// What an oracle has found, at the last step or at rest.
    package let violation: Violation?

    /// A hash over all steps: two equal schedules have the same.
    package var traceHash: UInt64 {
        steps.reduce(0xCBF2_9CE4_8422_2325) { hash, step in
            let number = UInt64(step.action.rawValue) | UInt64(step.thread) << 8 | UInt64(step.message) << 16
            return (hash ^ number) &* 0x100_0000_01B3
        }
    }
}

/// Takes schedules through one world: at random, each by its seed, or given ones once more.
package final class Schedules<W: World> {
    package let world: W
    /// How often rare branches were taken so far.
    package private(set) var branches = BranchCounts(of: W.Branch.self)
    /// How many steps were taken so far.
    package private(set) var steps = 0

    static var deadlock: String { "nothing can go on" }
    /// A schedule that is not at rest after this many steps never comes to rest.
    private static var limit: Int { 5000 }

    /// Prepares schedules in a world that all oracles watch, and others that are given.
    /// - Throws: ``ScenarioError``.
    package init(_ setup: W.Setup, also others: [any Oracle] = []) throws {
        world = try W(setup, also: others)
    }

    /// Takes the schedule of a seed to its rest, or to the first violation.
    package func run(seed: UInt64) -> Schedule<W> {
        var random = SeededGenerator(seed: seed)
        var state = world.initialState(using: &random)
        var taken: [Step<W.Action>] = []
        var possible: [Step<W.Action>] = []
        while taken.count < Self.limit, !world.isAtRest(state) {
            possible.removeAll(keepingCapacity: true)
            world.appendSteps(of: state, to: &possible)
            guard !possible.isEmpty else { break }
            let step = possible[Int(random.next() % UInt64(possible.count))]
            world.count(step, from: state, in: &branches)
            steps += 1
            taken.append(step)
            if let violation = world.take(step, in: &state) { return schedule(taken, violation) }
        }
        return ended(taken, in: state)
    }

    /// Takes those of the steps that are possible, up to the first violation.
    package func replay(_ steps: [Step<W.Action>]) -> Schedule<W> {
        var state = world.initialState
        var taken: [Step<W.Action>] = []
        var possible: [Step<W.Action>] = []
        for step in steps {
            possible.removeAll(keepingCapacity: true)
            world.appendSteps(of: state, to: &possible)
            guard possible.contains(step) else { continue }
            taken.append(step)
            if let violation = world.take(step, in: &state) { return schedule(taken, violation) }
        }
        return ended(taken, in: state)
    }

    /// Judges where a schedule without a violation has ended.
    private func ended(_ taken: [Step<W.Action>], in state: W.State) -> Schedule<W> {
        if world.isAtRest(state) {
            let rest = world.checkRest(state)
            return schedule(taken + rest.steps, rest.violation)
        }
        var possible: [Step<W.Action>] = []
        world.appendSteps(of: state, to: &possible)
        if possible.isEmpty { return schedule(taken, world.judge(halted: Self.deadlock)) }
        guard taken.count >= Self.limit else { return schedule(taken, nil) }
        return schedule(taken, world.judge(halted: "there is no rest after \(Self.limit) steps"))
    }

    private func schedule(_ steps: [Step<W.Action>], _ violation: Violation?) -> Schedule<W> {
        Schedule(setup: world.setup, steps: steps, violation: violation)
    }

    /// The same oracle's violation by fewer steps: what can be left out is left out, first large parts, then single steps.
    package func shrunk(_ schedule: Schedule<W>) -> Schedule<W> {
        var least = schedule
        var size = max(1, least.steps.count / 2)
        while true {
            var isShorter = false
            var start = 0
            while start < least.steps.count {
                let rest = least.steps[min(least.steps.count, start + size)...]
                let candidate = replay(Array(least.steps[..<start] + rest))
                if candidate.violation?.oracle == schedule.violation?.oracle,
                    candidate.steps.count < least.steps.count
                {
                    least = candidate
                    isShorter = true
                } else {
                    start += size
                }
            }
            if !isShorter, size == 1 { return least }
            size = max(1, size / 2)
        }
    }
}

/// Makes a violation smaller: a smaller scenario in which the same oracle still objects, then the shortest schedule there.
package struct Shrinker<W: World> {
    private let others: [any Oracle]
    private var least: Schedule<W>

    /// A small scenario is explored to its shortest schedule, up to this many states.
    private static var searchLimit: Int { 150_000 }

    /// The least violation by the same oracle.
    package static func minimise(_ schedule: Schedule<W>, also others: [any Oracle] = []) throws -> Schedule<W> {
        let shrunk = try Schedules<W>(schedule.setup, also: others).shrunk(schedule)
        var shrinker = Shrinker(others: others, least: shrunk)
        while shrinker.takesSmallerScenario() {}
        var search = try ExhaustiveSearch<W>(shrinker.least.setup, limit: searchLimit, also: others)
        _ = search.run()
        if let found = search.schedule, found.violation?.oracle == schedule.violation?.oracle,
            found.steps.count <= shrinker.least.steps.count
        {
            return found
        }
        return shrinker.least
    }

    /// Takes the first smaller scenario in which what is left of the steps still leads to the violation.
    private mutating func takesSmallerScenario() -> Bool {
        for (setup, steps) in W.smaller(least.setup, least.steps) where setup.problem == nil {
            // A scenario that cannot be set up is no smaller one of this kind.
            guard let schedules = try? Schedules<W>(setup, also: others) else { continue }
            let candidate = schedules.replay(steps)
            guard candidate.violation?.oracle == least.violation?.oracle else { continue }
            least = schedules.shrunk(candidate)
            return true
        }
        return false
    }
}
