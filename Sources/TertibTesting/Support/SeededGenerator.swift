/// Random numbers that the same seed gives again, on every machine: SplitMix64.
///
/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. Not for secrets.
public struct SeededGenerator: RandomNumberGenerator, Hashable, Sendable {
    private var state: UInt64

    /// Creates a generator.
    public init(seed: UInt64) {
        state = seed
    }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }

    /// A generator of numbers of its own, so that one part's draws do not move another's.
    public mutating func split() -> SeededGenerator { SeededGenerator(seed: next()) }

    /// Whether something happens that has this chance, from 0 to 1.
    public mutating func happens(_ chance: Double) -> Bool {
        let draw = Double(next() >> 11) * 0x1p-53
        return draw < chance
    }
}
