import ArgumentParser

/// `A..B`: from A on, without B.
struct SeedRange: Hashable, Sendable {
    let range: Range<UInt64>

    /// At most so many seeds at once: days of work.
    static let most: UInt64 = 1_000_000_000

    /// How many there are.
    var count: Int { Int(clamping: range.upperBound - range.lowerBound) }

    /// Reads what was typed.
    /// - Throws: `ValidationError` with what is wrong with it, and what it has to look like.
    init(_ argument: String) throws {
        let parts = argument.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].isEmpty, let first = UInt64(parts[0]), let end = UInt64(parts[2]) else {
            throw ValidationError(
                "write A..B, two whole numbers up to \(UInt64.max) with two dots between them; B is left out, and one "
                    + "seed is 5..6.")
        }
        guard first < end else {
            let one = min(first, .max - 1)
            throw ValidationError("A must be below B; B is left out, and one seed is \(one)..\(one + 1).")
        }
        guard end - first <= Self.most else {
            throw ValidationError(
                "these are \(Words.count(end - first)) seeds, and at most \(Words.count(Self.most)) run at once; name a "
                    + "part of them.")
        }
        range = first..<end
    }
}
