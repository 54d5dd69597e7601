import TertibTesting
import Testing

@testable import ModelChecker

/// Two philosophers and two forks: each takes the left fork, then the right one, eats, and puts both back.
private final class Philosophers: World {
    struct Setup: Scenario {
        var name = "philosophers"
        var isOrdered = false
        var problem: String? { nil }
    }

    struct State: BitwiseCopyable {
        /// Who has each fork, plus one.
        var forks = InlineArray<2, UInt32>(repeating: 0)
        /// How many forks each has; three when he has eaten.
        var have = InlineArray<2, UInt32>(repeating: 0)
    }

    enum Action: UInt8, StepAction { case take, finish }
    enum Branch: Int, WorldBranch { case secondFork }

    let setup: Setup
    let evaluator = OracleEvaluator(OracleSettings().oracles, background: [])

    init(_ setup: Setup, also others: [any Oracle]) throws { self.setup = setup }

    var initialState: State { State() }

    private func wanted(_ thread: Int, _ state: State) -> Int {
        let first = setup.isOrdered ? 0 : thread
        return state.have[thread] == 0 ? first : 1 - first
    }

    func appendSteps(of state: State, to steps: inout [Step<Action>]) {
        for thread in 0..<2 {
            if state.have[thread] == 2 { steps.append(Step(.finish, thread)) }
            if state.have[thread] < 2, state.forks[wanted(thread, state)] == 0 { steps.append(Step(.take, thread)) }
        }
    }

    func take(_ step: Step<Action>, in state: inout State) -> Violation? {
        let thread = Int(step.thread)
        if step.action == .take {
            state.forks[wanted(thread, state)] = UInt32(thread + 1)
        } else {
            for fork in 0..<2 where state.forks[fork] == UInt32(thread + 1) { state.forks[fork] = 0 }
        }
        state.have[thread] += 1
        return nil
    }

    func describe(_ step: Step<Action>, in state: State) -> String { step.text }

    func count(_ step: Step<Action>, from state: State, in counts: inout BranchCounts) {
        if step.action == .take, state.have[Int(step.thread)] == 1 { counts[Branch.secondFork] += 1 }
    }

    func canonical(_ state: State) -> State { state }
    func isAtRest(_ state: State) -> Bool { state.have[0] == 3 && state.have[1] == 3 }
    func checkRest(_ state: State) -> (violation: Violation?, steps: [Step<Action>]) { (nil, []) }
    func judge(halted reason: String) -> Violation? { evaluator.judge(.halted(reason)) }
    static func smaller(_ setup: Setup, _ steps: [Step<Action>]) -> [(setup: Setup, steps: [Step<Action>])] { [] }
    static func smallWorld(_ setup: Setup) -> SmallWorld { .relays(RelayScenario(setup.name, [1])) }
}

@Suite("The search knows nothing of the world that it goes through")
struct GenericCheckerTests {
    @Test("It finds a deadlock by the shortest schedule")
    func deadlock() throws {
        var search = try ExhaustiveSearch<Philosophers>(Philosophers.Setup())
        let result = search.run()
        #expect(result.finding?.violation.statement == "nothing can go on")
        #expect(result.finding?.timeline == ["take 0 0", "take 1 0"])
    }

    @Test("It goes through a world without a fault to its end")
    func everything() throws {
        var search = try ExhaustiveSearch<Philosophers>(Philosophers.Setup(isOrdered: true))
        let result = search.run()
        #expect(result.isRight)
        #expect(result.states == 12)
        #expect(result.statesAtRest == 1)
        #expect(result.branches[Philosophers.Branch.secondFork] == 4)
    }

    @Test("It stops at the limit of states, and says so")
    func limit() throws {
        var search = try ExhaustiveSearch<Philosophers>(Philosophers.Setup(isOrdered: true), limit: 5)
        let result = search.run()
        #expect(result.isCutOff && !result.isRight)
        #expect(result.states == 5)
    }

    @Test("A schedule is shrunk to the steps that its violation needs")
    func shrunk() throws {
        let schedules = try Schedules<Philosophers>(Philosophers.Setup())
        let schedule = try #require(
            (0..<UInt64(100)).lazy.map { schedules.run(seed: $0) }.first { $0.violation != nil })
        #expect(schedules.shrunk(schedule).steps.count == 2)
    }

    @Test("Fingerprints of different values differ, and a set keeps each once")
    func fingerprints() {
        var set = FingerprintSet()
        let numbers = 0..<UInt64(10_000)
        let (added, repeated) = (
            numbers.count { set.insert(Fingerprint($0)) }, numbers.count { set.insert(Fingerprint($0)) }
        )
        #expect(added == 10_000 && repeated == 0)
        #expect(set.count == 10_000)
    }
}
