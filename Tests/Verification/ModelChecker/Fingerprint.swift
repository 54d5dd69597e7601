/// Stands for a state in the set of those that were visited, or for a fact among those that were judged: two numbers that
/// differ, but for chance, where two values differ. With 128 bits, that two of some hundred million values share a
/// fingerprint is less likely than a fault of the machine.
struct Fingerprint: Hashable {
    let high: UInt64
    let low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The fingerprint of a value that has no padding and fills whole words.
    init<Value: BitwiseCopyable>(_ value: Value) {
        (high, low) = withUnsafeBytes(of: value) { bytes in
            var high: UInt64 = 0x9E37_79B9_7F4A_7C15
            var low: UInt64 = 0xD1B5_4A32_D192_ED03
            for offset in stride(from: 0, to: bytes.count, by: 8) {
                let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let first = (high ^ word).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
                high = first.high ^ first.low
                let second = (low ^ word).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
                low = (second.high ^ second.low) &+ high
            }
            return (high, low)
        }
    }
}

/// The fingerprints of the states that were visited: a hash table with open addressing.
struct FingerprintSet {
    private var table: [Fingerprint]
    private(set) var count = 0
    private static let empty = Fingerprint(high: 0, low: 0)

    init() {
        table = Array(repeating: Self.empty, count: 1 << 12)
    }

    /// Whether the fingerprint was not there before.
    mutating func insert(_ fingerprint: Fingerprint) -> Bool {
        if 2 * count >= table.count { grow() }
        let place = place(of: fingerprint, in: table)
        guard table[place] == Self.empty else { return false }
        table[place] = fingerprint
        count += 1
        return true
    }

    private func place(of fingerprint: Fingerprint, in table: [Fingerprint]) -> Int {
        let mask = table.count - 1
        var place = Int(truncatingIfNeeded: fingerprint.low) & mask
        while table[place] != Self.empty, table[place] != fingerprint { place = (place + 1) & mask }
        return place
    }

    private mutating func grow() {
        var larger = Array(repeating: Self.empty, count: 2 * table.count)
        for fingerprint in table where fingerprint != Self.empty {
            larger[place(of: fingerprint, in: larger)] = fingerprint
        }
        table = larger
    }
}
