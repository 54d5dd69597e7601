import TertibCore
import Synchronization

/// The choices of one kind that a run makes, one after the other: drawn from a seed, or taken from a list.
///
/// Choice 0 is always the plainest one (go on, nothing happens). A list names only the others, by their position, so
/// that a run is made plainer by removing entries; a choice that is not possible any more is skipped.
final class DecisionStream: Sendable {
    private struct State {
        var generator: SeededGenerator
        var script: [Int: Int]?
        var taken: [Int: Int] = [:]
        var count = 0
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    }

    private let state: Mutex<State>

    /// Draws from a seed; or, with a script, takes what it says.
    init(seed: UInt64, script: [Int: Int]? = nil) {
        state = Mutex(State(generator: SeededGenerator(seed: seed), script: script))
    }

    /// A number from 0 to `count - 1`.
    func choose(among count: Int) -> Int {
        choose { generator in
            Int.random(in: 0..<count, using: &generator)
        } within: {
            $0 < count
        }
    }

    /// Whether something happens that has this chance; what has none is no choice.
    func happens(_ chance: Double) -> Bool {
        guard chance > 0 else { return false }
        return choose { generator in
            generator.happens(chance) ? 1 : 0
        } within: {
            $0 < 2
        } == 1
    }

    private func choose(_ draw: (inout SeededGenerator) -> Int, within isPossible: (Int) -> Bool) -> Int {
        state.withLock { state in
            var choice = 0
            if let script = state.script {
                if let wanted = script[state.count], isPossible(wanted) { choice = wanted }
            } else {
                choice = draw(&state.generator)
            }
            if choice != 0 { state.taken[state.count] = choice }
            state.count += 1
            state.hash = (state.hash ^ UInt64(truncatingIfNeeded: choice)) &* 0x100_0000_01B3
            return choice
        }
    }

    /// The choices other than 0, by position.
    var taken: [Int: Int] { state.withLock { $0.taken } }

    /// How many choices were made, and a hash over all of them.
    var summary: (count: Int, hash: UInt64) { state.withLock { ($0.count, $0.hash) } }
}
