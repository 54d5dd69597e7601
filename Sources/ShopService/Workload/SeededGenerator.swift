/// A generator whose numbers follow from its seed alone: SplitMix64, from Guy Steele, Doug Lea and Christine Flood,
/// "Fast Splittable Pseudorandom Number Generators" (OOPSLA 2014).
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Starts from a seed.
    public init(seed: UInt64) {
        state = seed
    }

    /// Starts from a seed, a topic and a number, so that any item of a plan can be drawn without those before it.
    public init(seed: UInt64, topic: String, item: Int = 0) {
        var mixed = SeededGenerator(seed: seed)
        var state = mixed.next()
        for byte in topic.utf8 { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        self.init(seed: state ^ (UInt64(bitPattern: Int64(item)) &* 0x9E37_79B9_7F4A_7C15))
        _ = next()
    }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number in `0..<1`.
    public mutating func fraction() -> Double {
        Double(next() >> 11) * 0x1p-53
    }
}
