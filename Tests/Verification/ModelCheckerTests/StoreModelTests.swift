import TertibCore
import TertibTesting
import Testing

@testable import ModelChecker

@Suite("The model of a database and the memory store give the same answers")
struct StoreModelTests {
    /// Scenarios whose handlers do not fail: a savepoint cannot be set call by call.
    static let scenarios = ConsumerScenario.shapes.filter { scenario in
        scenario.messages.allSatisfy { $0.behaviour == .applies }
    }

    @Test("They agree on every call of schedules drawn at random", arguments: scenarios)
    func sameAnswers(scenario: ConsumerScenario) async throws {
        var compared = 0
        for seed in 0..<UInt64(20) {
            let world = try ConsumerWorld(scenario, also: [])
            let shadow = StoreShadow(world)
            do {
                compared += try await walk(world, shadow, SeededGenerator(seed: seed))
            } catch {
                try await shadow.close()
                throw error
            }
            try await shadow.close()
        }
        #expect(compared > 250)
    }

    /// Takes a schedule to its rest, in the model and in the memory store.
    /// - Returns: how many answers were compared.
    private func walk(
        _ world: ConsumerWorld, _ shadow: StoreShadow, _ generator: SeededGenerator
    ) async throws -> Int {
        var random = generator
        var state = world.initialState
        var compared = 0
        var possible: [Step<ConsumerWorld.Action>] = []
        while !world.isAtRest(state) {
            possible.removeAll()
            world.appendSteps(of: state, to: &possible)
            let step = try #require(possible.randomElement(using: &random))
            compared += try await take(step, &state, world, shadow)
        }
        return compared
    }

    private func take(
        _ step: Step<ConsumerWorld.Action>, _ state: inout ConsumerState, _ world: ConsumerWorld,
        _ shadow: StoreShadow
    ) async throws -> Int {
        let thread = Int(step.thread)
        var compared = 0
        let before = world.transaction(of: thread, in: state)
        switch step.action {
        case .begin, .beginAfterHold, .wake, .repair: shadow.begin(thread)
        case .sweep:
            shadow.begin(thread)
            for call in [StoreCall.parkedCount, .leftoverDrains, .dueRetries, .gaps] {
                try await compare(call, thread, state, world, shadow)
                compared += 1
            }
            try await shadow.end(thread, commits: true)
        case .call:
            try await compare(try #require(before).call, thread, state, world, shadow)
            compared += 1
        case .commit, .commitIsUnknown: try await shadow.end(thread, commits: true)
        default: break
        }
        let violation = world.take(step, in: &state)
        try #require(violation == nil)
        if step.action == .call, let before, let after = world.transaction(of: thread, in: state) {
            try await shadow.write(after.writes[before.writes.count...], after: before.call, of: thread)
        }
        if state.threads[thread].phase != .running, shadow.isRunning(thread) {
            try await shadow.end(thread, commits: false)
        }
        return compared
    }

    private func compare(
        _ call: StoreCall, _ thread: Int, _ state: ConsumerState, _ world: ConsumerWorld, _ shadow: StoreShadow
    ) async throws {
        var expected = try #require(world.answer(to: call, of: thread, in: state))
        if case .watermarks(let mask) = call {
            for aggregate in 0..<world.setup.aggregates where mask >> UInt8(aggregate) & 1 == 0 {
                expected[aggregate] = 0
            }
        }
        let found = try await shadow.answer(to: call, of: thread)
        try #require(found == expected, "\(call)")
    }
}
