import TertibRuntime

/// What a handler's statement may be: anything but what controls the transaction or the connection.
///
/// Only the first keyword decides what a statement of SQLite is, and no comment or white space can hide it.
struct StatementRule {
    private static let forbidden: Set<String> = [
        "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ATTACH", "DETACH", "VACUUM", "PRAGMA",
    ]
    private static let changing: Set<String> = ["INSERT", "REPLACE", "UPDATE", "DELETE", "WITH"]

    /// Whether the statement changes rows, so that SQLite's count of changes is about it.
    let changesRows: Bool

    /// Looks at a statement.
    /// - Throws: ``StoreError`` with ``StoreError/Code/forbiddenStatement``; ``StoreError/Code/statement`` for a text
    ///   that SQLite would read only up to its U+0000.
    init(_ sql: String) throws(StoreError) {
        guard !sql.utf8.contains(0) else {
            throw StoreError(.statement, attempted: "run a statement", reason: "its text contains U+0000")
        }
        var scanner = KeywordScanner(rest: Substring(sql).utf8)
        var keyword = scanner.next()
        changesRows = Self.changing.contains(keyword)
        while ["EXPLAIN", "QUERY", "PLAN"].contains(keyword) { keyword = scanner.next() }
        guard !Self.forbidden.contains(keyword) else {
            throw StoreError(
                .forbiddenStatement, attempted: "run a statement that begins with \(keyword)",
                reason: "it would control the transaction or the connection, which belong to the store",
                advice: "Throw an error to undo what the handler wrote.")
        }
    }
}

/// Finds keywords as SQLite's own tokenizer does: behind white space, comments, empty statements and byte order marks.
private struct KeywordScanner {
    var rest: Substring.UTF8View

    mutating func next() -> String {
        skip()
        let letters = rest.prefix { Self.isLetter($0) }
        rest = rest.dropFirst(letters.count)
        return String(decoding: letters, as: UTF8.self).uppercased()
    }

    private mutating func skip() {
        while let first = rest.first {
            switch first {
            case UInt8(ascii: " "), 0x09...0x0D, UInt8(ascii: ";"):
                rest.removeFirst()
            case UInt8(ascii: "-") where rest.starts(with: "--".utf8):
                rest = rest.drop { $0 != 0x0A }
            case UInt8(ascii: "/") where rest.starts(with: "/*".utf8):
                skipComment()
            case 0xEF where rest.starts(with: [0xEF, 0xBB, 0xBF]):
                rest = rest.dropFirst(3)
            default:
                return
            }
        }
    }

    /// A comment that does not end reaches to the end of the text.
    private mutating func skipComment() {
        rest = rest.dropFirst(2)
        while !rest.isEmpty, !rest.starts(with: "*/".utf8) { rest.removeFirst() }
        rest = rest.dropFirst(2)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
    }
}
