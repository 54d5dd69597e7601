import Testing
import TertibRuntime
import TertibCore

@testable import TertibTesting

@Suite("The explorer's model of a store and the memory store say the same")
struct StoreModelTests {
    /// Worlds whose handlers do not fail: a savepoint cannot be set call by call.
    static let worlds = SmallWorld.shapes.filter { world in
        world.messages.allSatisfy { $0.behaviour == .applies }
    }

    @Test("to every call of schedules drawn at random", arguments: worlds)
    func sameAnswers(world: SmallWorld) async throws {
        var compared = 0
        for seed in 0..<UInt64(20) {
            let model = try ExplorerModel(world)
            let shadow = StoreShadow(model.vocabulary)
            do {
                compared += try await walk(model, shadow, SeededGenerator(seed: seed))
            } catch {
                try await shadow.close()
                throw error
            }
            try await shadow.close()
        }
        #expect(compared > 250)
    }

    /// Walks a schedule to its rest, in the model and in the memory store.
    /// - Returns: how many answers were compared.
    private func walk(
        _ model: ExplorerModel, _ shadow: StoreShadow, _ generator: SeededGenerator
    ) async throws -> Int {
        var random = generator
        var state = model.initialState
        var compared = 0
        var possible: [ExplorerStep] = []
        while !model.isAtRest(state) {
            possible.removeAll()
            model.appendSteps(of: state, to: &possible)
            let step = try #require(possible.randomElement(using: &random))
            compared += try await take(step, &state, model, shadow)
        }
        return compared
    }

    private func take(
        _ step: ExplorerStep, _ state: inout ExplorerState, _ model: ExplorerModel, _ shadow: StoreShadow
    ) async throws -> Int {
        let thread = Int(step.thread)
        var compared = 0
        let before = Int(state.threads[thread].node)
        switch step.kind {
        case .begin, .beginAfterHold, .wake, .repair: shadow.begin(thread)
        case .sweep:
            shadow.begin(thread)
            for call in [StoreCall.parkedCount, .leftoverDrains, .dueRetries, .gaps] {
                try await compare(call, thread, state, model, shadow)
                compared += 1
            }
            try await shadow.end(thread, commits: true)
        case .call:
            try await compare(model.book.nodes[before].call, thread, state, model, shadow)
            compared += 1
        case .commit, .commitIsUnknown: try await shadow.end(thread, commits: true)
        default: break
        }
        let violation = model.take(step, in: &state)
        try #require(violation == nil)
        if step.kind == .call, state.threads[thread].phase == .running {
            let after = Int(state.threads[thread].node)
            let writes = model.book.nodes[after].writes[model.book.nodes[before].writes.count...]
            try await shadow.write(writes, after: model.book.nodes[before].call, of: thread)
        }
        if state.threads[thread].phase != .running, shadow.isRunning(thread) {
            try await shadow.end(thread, commits: false)
        }
        return compared
    }

    private func compare(
        _ call: StoreCall, _ thread: Int, _ state: ExplorerState, _ model: ExplorerModel, _ shadow: StoreShadow
    ) async throws {
        var expected = try #require(model.answer(to: call, of: thread, in: state))
        if case .watermarks(let mask) = call {
            for aggregate in 0..<model.world.aggregates where mask >> UInt8(aggregate) & 1 == 0 {
                expected[aggregate / 2] &= ~(0xFFFF_FFFF << UInt64(32 * (aggregate % 2)))
            }
        }
        let found = try await shadow.answer(to: call, of: thread, state)
        try #require(found == expected, "\(call)")
    }
}
