/// Walks over the text of a statement as the database's own lexer does: text in quotes, between dollar tags or in
/// comments is one piece, whatever it looks like.
///
/// For PostgreSQL that is `scan.l` with `standard_conforming_strings` on. SQLite's tokenizer differs in its comments,
/// and a byte order mark is white space to it. The rest of PostgreSQL's rules split no keyword of SQLite's, and
/// keywords are all that is asked of a statement for SQLite.
struct SQLScanner {
    /// A part of a statement.
    enum Piece {
        /// White space and comments.
        case space
        /// A name or a keyword, not quoted.
        case word
        /// A `?`.
        case placeholder
        /// `??`, which stands for PostgreSQL's operator `?`.
        case escapedPlaceholder
        /// `$` and digits: PostgreSQL's own placeholder.
        case numbered
        /// Anything else: one character, a string, a quoted name.
        case other
    }

    private let bytes: [UInt8]
    private let dialect: Dialect
    private var position = 0

    init(_ bytes: [UInt8], _ dialect: Dialect) {
        self.bytes = bytes
        self.dialect = dialect
    }

    /// The next piece and its bytes; `nil` at the end.
    mutating func next() -> (piece: Piece, bytes: ArraySlice<UInt8>)? {
        guard position < bytes.count else { return nil }
        let start = position
        let piece = scan(bytes[position])
        return (piece, bytes[start..<position])
    }

    private mutating func scan(_ byte: UInt8) -> Piece {
        switch byte {
        case _ where Self.isSpace(byte):
            position += 1
            return .space
        case 0xEF where bytes[position...].starts(with: [0xEF, 0xBB, 0xBF]):
            position += 3
            return .space
        case UInt8(ascii: "-") where peek(1) == UInt8(ascii: "-"):
            skipLineComment()
            return .space
        case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"):
            skipBlockComment()
            return .space
        case UInt8(ascii: "'"), UInt8(ascii: "\""):
            skipQuoted(byte, escapes: false)
            return .other
        case UInt8(ascii: "$"):
            return scanDollar()
        case UInt8(ascii: "?"):
            let isEscaped = peek(1) == byte
            position += isEscaped ? 2 : 1
            return isEscaped ? .escapedPlaceholder : .placeholder
        case _ where Self.startsName(byte):
            return scanWord()
        default:
            position += 1
            return .other
        }
    }

    private mutating func scanWord() -> Piece {
        let isEscapeString = bytes[position] | 0x20 == UInt8(ascii: "e") && peek(1) == UInt8(ascii: "'")
        guard !isEscapeString else {
            position += 1
            skipQuoted(UInt8(ascii: "'"), escapes: true)
            return .other
        }
        while position < bytes.count, Self.continuesName(bytes[position]) { position += 1 }
        return .word
    }

    /// A number, a dollar-quoted string, or a dollar that means nothing.
    private mutating func scanDollar() -> Piece {
        var end = position + 1
        if end < bytes.count, Self.isDigit(bytes[end]) {
            while end < bytes.count, Self.isDigit(bytes[end]) { end += 1 }
            position = end
            return .numbered
        }
        while end < bytes.count, bytes[end] != UInt8(ascii: "$"), Self.continuesName(bytes[end]) { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: "$") else {
            position += 1
            return .other
        }
        let tag = bytes[position...end]
        position = end + 1
        while position < bytes.count, !bytes[position...].starts(with: tag) { position += 1 }
        position = min(position + tag.count, bytes.count)
        return .other
    }

    /// A doubled quote is one that belongs to the text; what does not end reaches to the end of the statement.
    private mutating func skipQuoted(_ quote: UInt8, escapes: Bool) {
        position += 1
        while position < bytes.count {
            if escapes, bytes[position] == UInt8(ascii: "\\") {
                position += 2
            } else if bytes[position] != quote {
                position += 1
            } else if peek(1) == quote {
                position += 2
            } else {
                position += 1
                guard escapes, let next = continuation() else { return }
                position = next + 1
            }
        }
        position = bytes.count
    }

    /// Where a string goes on: a quote that only white space with a line break parts from the one before (SQL standard).
    /// The second part of a string with escapes has escapes, too.
    private func continuation() -> Int? {
        var ahead = SQLScanner(bytes, dialect)
        ahead.position = position
        var hasLineBreak = false
        while ahead.position < bytes.count {
            let byte = bytes[ahead.position]
            if byte == 0x0A || byte == 0x0D { hasLineBreak = true }
            if Self.isSpace(byte) {
                ahead.position += 1
            } else if byte == UInt8(ascii: "-"), ahead.peek(1) == byte {
                ahead.skipLineComment()
            } else {
                return hasLineBreak && byte == UInt8(ascii: "'") ? ahead.position : nil
            }
        }
        return nil
    }

    /// To PostgreSQL a carriage return is a line break, too.
    private mutating func skipLineComment() {
        while position < bytes.count, bytes[position] != 0x0A, dialect == .sqlite || bytes[position] != 0x0D {
            position += 1
        }
    }

    /// PostgreSQL's comments nest. A comment that does not end reaches to the end of the text.
    private mutating func skipBlockComment() {
        var depth = 0
        while position < bytes.count {
            let pair = (bytes[position], peek(1))
            if pair == (UInt8(ascii: "/"), UInt8(ascii: "*")), depth == 0 || dialect == .postgres {
                depth += 1
                position += 2
            } else if pair == (UInt8(ascii: "*"), UInt8(ascii: "/")) {
                depth -= 1
                position += 2
                if depth == 0 { return }
            } else {
                position += 1
            }
        }
    }

    private func peek(_ distance: Int) -> UInt8? {
        position + distance < bytes.count ? bytes[position + distance] : nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    private static func startsName(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_") || byte >= 0x80
    }

    private static func continuesName(_ byte: UInt8) -> Bool {
        startsName(byte) || isDigit(byte) || byte == UInt8(ascii: "$")
    }
}
