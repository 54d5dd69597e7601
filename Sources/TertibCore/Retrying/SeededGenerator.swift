/// Random numbers that follow from their seed alone, on every machine, so that a machine which draws some stays a value:
/// SplitMix64 (Guy Steele, Doug Lea and Christine Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
/// Not for secrets.
package struct SeededGenerator: RandomNumberGenerator, Hashable, Sendable {
    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    /// Starts from a seed, a topic and a number, so that any item of a plan can be drawn without those before it.
    package init(seed: UInt64, topic: String, item: Int = 0) {
        var mixed = SeededGenerator(seed: seed)
        var state = mixed.next()
        for byte in topic.utf8 { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        self.init(seed: state ^ (UInt64(bitPattern: Int64(item)) &* Self.increment))
        _ = next()
    }

    package mutating func next() -> UInt64 {
        state &+= Self.increment
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number in `0..<1`.
    package mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Whether something happens that has this chance, from 0 to 1.
    package mutating func happens(_ chance: Double) -> Bool { fraction() < chance }

    /// A generator of numbers of its own, so that the draws of one part do not change those of another.
    package mutating func split() -> SeededGenerator { SeededGenerator(seed: next()) }
}
