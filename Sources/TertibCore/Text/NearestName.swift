/// Finds the name that somebody probably meant.
package enum NearestName {
    /// The known name nearest to `name`, unless none is near: some changed, missing, superfluous or exchanged letters,
    /// an abbreviation (`ackWait` for `acknowledgementWait`), or an ending too much (`batches`).
    package static func nearest(to name: String, among known: [String]) -> String? {
        let wanted = Array(name.lowercased().utf8.prefix(100))
        guard !wanted.isEmpty else { return nil }
        let ranked = known.map { (name: $0, distance: distance(wanted, Array($0.lowercased().utf8))) }
        if let best = ranked.min(by: { $0.distance < $1.distance }),
            best.distance <= max(1, min(wanted.count, best.name.utf8.count) / 3)
        {
            return best.name
        }
        guard wanted.count >= 3 else { return nil }
        return known.first { name in
            let bytes = Array(name.lowercased().utf8)
            return abbreviates(wanted, bytes) || wanted.starts(with: bytes)
        }
    }

    /// Whether `short` is `long` with letters left out behind the first one.
    private static func abbreviates(_ short: [UInt8], _ long: [UInt8]) -> Bool {
        guard short.first == long.first else { return false }
        var rest = long[...]
        for byte in short {
            guard let index = rest.firstIndex(of: byte) else { return false }
            rest = rest[(index + 1)...]
        }
        return true
    }

    /// The Damerau-Levenshtein distance of optimal string alignment: insertions, deletions, changes, and exchanges of
    /// neighbours.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var rows = [Array(0...right.count)]
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var best = min(
                    rows[row][column + 1] + 1, current[column] + 1, rows[row][column] + (byte == other ? 0 : 1))
                if row > 0, column > 0, byte == right[column - 1], left[row - 1] == other {
                    best = min(best, rows[row - 1][column - 1] + 1)
                }
                current.append(best)
            }
            rows.append(current)
        }
        return rows[left.count][right.count]
    }
}
