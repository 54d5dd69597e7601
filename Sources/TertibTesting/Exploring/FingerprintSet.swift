/// The states that were visited: a hash table of their fingerprints, each with the number that it got.
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
