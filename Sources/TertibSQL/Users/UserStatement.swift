package import TertibRuntime

/// A handler's statement: anything but a statement that controls the transaction or the connection.
///
/// Only the first keyword decides the kind of a statement, and no comment or white space can hide it. A second statement
/// behind a semicolon is refused by the database, because it is asked to prepare one.
package struct UserStatement: Sendable {
    /// Statements that would end the transaction, change the connection that the next transaction gets, or speak another
    /// protocol: of both databases, so that a handler that one accepts is not refused by the other.
    private static let forbidden: Set<String> = [
        "ABORT", "ATTACH", "BEGIN", "CLOSE", "COMMIT", "COPY", "DEALLOCATE", "DECLARE", "DETACH", "DISCARD", "END",
        "EXECUTE", "LISTEN", "LOAD", "PRAGMA", "PREPARE", "RELEASE", "RESET", "ROLLBACK", "SAVEPOINT", "SET", "START",
        "UNLISTEN", "VACUUM",
    ]
    /// What may stand before the keyword that decides.
    private static let prefixes: Set<String> = ["EXPLAIN", "QUERY", "PLAN"]
    private static let changing: Set<String> = ["INSERT", "REPLACE", "UPDATE", "DELETE", "WITH"]

    /// The text as the database reads it: for PostgreSQL with `$1`, `$2` and so on.
    package let sql: String
    /// The number of its `?`.
    package let parameterCount: Int
    /// Whether the statement may change rows, so that SQLite's count of changes is about it.
    package let changesRows: Bool

    /// Reads a statement.
    /// - Throws: ``StoreError`` with ``StoreError/Code/forbiddenStatement``; ``StoreError/Code/statement`` for a text
    ///   that the database's library would read only up to its U+0000, or that has placeholders of PostgreSQL's own.
    package init(_ text: String, _ dialect: Dialect) throws(StoreError) {
        let source = Array(text.utf8)
        guard !source.contains(0) else { throw Self.refused("its text contains U+0000") }
        var scanner = SQLScanner(source, dialect)
        var translated: [UInt8] = []
        translated.reserveCapacity(source.count + 16)
        var count = 0
        var words: [String] = []
        var keyword: String?
        while let (piece, bytes) = scanner.next() {
            switch piece {
            case .placeholder:
                count += 1
                translated += Array("$\(count)".utf8)
            case .escapedPlaceholder:
                translated.append(UInt8(ascii: "?"))
            case .numbered where dialect == .postgres:
                throw Self.refused("placeholders are written ?, on every database alike")
            case .word, .numbered, .other, .space:
                translated += bytes
            }
            guard keyword == nil, piece != .space else { continue }
            let word = piece == .word ? String(decoding: bytes, as: UTF8.self).uppercased() : ""
            words.append(word)
            // An empty statement before the first word hides nothing.
            if bytes != [UInt8(ascii: ";")], !Self.prefixes.contains(word) { keyword = word }
        }
        if let keyword, Self.forbidden.contains(keyword) {
            throw Self.forbidden("run a statement that begins with \(keyword)")
        }
        sql = dialect == .postgres ? String(decoding: translated, as: UTF8.self) : text
        parameterCount = count
        changesRows = words.first { !$0.isEmpty }.map(Self.changing.contains) ?? false
    }

    /// The error for a statement that controls the transaction.
    package static func forbidden(_ attempted: String) -> StoreError {
        StoreError(
            .forbiddenStatement, attempted: attempted,
            reason: "it would control the transaction or the connection, which belong to the store",
            advice: "Throw an error to undo what the handler wrote.")
    }

    /// The error for a statement that writes where only reading is allowed.
    package static var readOnly: StoreError {
        StoreError(
            .forbiddenStatement, attempted: "write in a snapshot", reason: "a snapshot can only be read",
            advice: "Write in a transaction.")
    }

    private static func refused(_ reason: String) -> StoreError {
        StoreError(.statement, attempted: "run a statement", reason: reason)
    }
}

extension String {
    /// Enough of a statement to recognise it by.
    package var excerpt: String {
        let limit = 80
        return count > limit ? "\(prefix(limit))..." : self
    }
}
