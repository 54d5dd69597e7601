import TertibCore

/// What a stream in memory leaves to chance: drawn from a seed, or decided one by one.
struct MemoryChance: Sendable {
    private var generator: SeededGenerator
    private let decisions: DecisionStream?

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
        decisions = nil
    }

    init(_ decisions: DecisionStream) {
        generator = SeededGenerator(seed: 0)
        self.decisions = decisions
    }

    /// Whether something happens that has this chance.
    mutating func happens(_ chance: Double) -> Bool {
        guard let decisions else { return generator.happens(chance) }
        return decisions.happens(chance)
    }

    /// A number from 0 to `last`.
    mutating func index(upTo last: Int) -> Int {
        guard last > 0 else { return 0 }
        guard let decisions else { return Int.random(in: 0...last, using: &generator) }
        return decisions.choose(among: last + 1)
    }
}
