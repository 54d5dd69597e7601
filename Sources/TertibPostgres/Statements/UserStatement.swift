import TertibRuntime

/// A handler's statement: anything but what controls the transaction or the session, its `?` written as PostgreSQL
/// wants them.
///
/// Only the first keyword decides what a statement is, and no comment or white space can hide it; a second statement
/// behind a semicolon is refused by the server, because it is asked to prepare one.
struct UserStatement {
    /// What would end the transaction, change the session that the next transaction gets, or speak another protocol.
    private static let forbidden: Set<String> = [
        "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PREPARE", "EXECUTE",
        "DEALLOCATE", "SET", "RESET", "DISCARD", "COPY", "LISTEN", "UNLISTEN", "LOAD", "DECLARE", "CLOSE",
    ]

    /// The text with `$1`, `$2` and so on.
    let sql: String
    /// How many placeholders it has.
    let parameterCount: Int

    /// Reads a statement.
    /// - Throws: ``StoreError`` with ``StoreError/Code/forbiddenStatement``; ``StoreError/Code/statement`` for a text
    ///   that libpq would read only up to its U+0000, or that has placeholders of PostgreSQL's own.
    init(_ text: String) throws(StoreError) {
        let source = Array(text.utf8)
        guard !source.contains(0) else { throw Self.refused("its text contains U+0000") }
        var scanner = SQLScanner(source)
        var translated: [UInt8] = []
        translated.reserveCapacity(source.count + 16)
        var count = 0
        var keyword: String?
        while let (piece, bytes) = scanner.next() {
            switch piece {
            case .placeholder:
                count += 1
                translated += Array("$\(count)".utf8)
            case .escapedPlaceholder:
                translated.append(UInt8(ascii: "?"))
            case .numbered:
                throw Self.refused("placeholders are written ?, on every database alike")
            case .word:
                keyword = keyword ?? String(decoding: bytes, as: UTF8.self).uppercased()
                translated += bytes
            case .other, .space:
                // An empty statement before the first word hides nothing.
                if piece == .other, keyword == nil, bytes != [UInt8(ascii: ";")] { keyword = "" }
                translated += bytes
            }
        }
        if let keyword, Self.forbidden.contains(keyword) {
            throw StoreError(
                .forbiddenStatement, attempted: "run a statement that begins with \(keyword)",
                reason: "it would control the transaction or the session, which belong to the store",
                advice: "Throw an error to undo what the handler wrote.")
        }
        sql = String(decoding: translated, as: UTF8.self)
        parameterCount = count
    }

    private static func refused(_ reason: String) -> StoreError {
        StoreError(.statement, attempted: "run a statement", reason: reason)
    }
}
