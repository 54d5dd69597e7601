/// Reads JSON text (RFC 8259) piece by piece, checking all of it.
///
/// A loop over an explicit stack of bits, one a level, so that the depth of a text costs no thread's stack.
package struct JSONTokenizer {
    /// What may come next.
    private enum Expectation {
        case value, elementOrEnd, keyOrEnd, commaOrEnd
    }

    private let bytes: [UInt8]
    private let depthLimit: Int
    private var index = 0
    private var expectation = Expectation.value
    private var depth = 0
    /// The innermost 64 levels, the lowest bit the innermost: 1 is an object, 0 an array.
    private var levels: UInt64 = 0
    /// The levels further out, 64 in a word.
    private var outerLevels: [UInt64] = []

    /// Prepares to read `bytes`, refusing more than `depthLimit` levels of arrays and objects.
    package init(_ bytes: [UInt8], depthLimit: Int) {
        self.bytes = bytes
        self.depthLimit = depthLimit
    }

    /// The next piece; `nil` after the whole text was found to be one JSON value.
    /// - Throws: ``JSONSyntaxError``; then the tokenizer is of no further use.
    package mutating func next() throws(JSONSyntaxError) -> JSONToken? {
        if index == 0 { try checkStart() }
        skipWhitespace()
        switch expectation {
        case .value:
            return try value()
        case .elementOrEnd:
            return peek() == ASCII.closeBracket ? close(.endArray) : try value()
        case .keyOrEnd:
            return peek() == ASCII.closeBrace ? close(.endObject) : try key()
        case .commaOrEnd:
            return try afterValue()
        }
    }

    private func checkStart() throws(JSONSyntaxError) {
        if bytes.isEmpty { throw JSONSyntaxError(offset: 0, problem: "it is empty") }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) || bytes.starts(with: [0xFE, 0xFF])
            || bytes.starts(with: [0xFF, 0xFE])
        {
            throw JSONSyntaxError(offset: 0, problem: "it begins with a byte order mark, which JSON does not allow,")
        }
    }

    private mutating func afterValue() throws(JSONSyntaxError) -> JSONToken? {
        guard depth > 0 else {
            if index == bytes.count { return nil }
            throw unexpected("the end, because the value is complete")
        }
        let isObject = levels & 1 == 1
        switch peek() {
        case ASCII.comma:
            index += 1
            skipWhitespace()
            return isObject ? try key() : try value()
        case ASCII.closeBrace where isObject:
            return close(.endObject)
        case ASCII.closeBracket where !isObject:
            return close(.endArray)
        default:
            throw unexpected(isObject ? "a comma or the object's end" : "a comma or the array's end")
        }
    }

    private mutating func key() throws(JSONSyntaxError) -> JSONToken {
        guard peek() == ASCII.quote else { throw unexpected("a key in double quotes") }
        let token = try string(.key)
        skipWhitespace()
        guard peek() == ASCII.colon else { throw unexpected("a colon after the key") }
        index += 1
        expectation = .value
        return token
    }

    private mutating func value() throws(JSONSyntaxError) -> JSONToken {
        expectation = .commaOrEnd
        guard let first = peek() else { throw unexpected("a value") }
        switch first {
        case ASCII.quote: return try string(.string)
        case ASCII.openBrace: return try open(.beginObject)
        case ASCII.openBracket: return try open(.beginArray)
        case ASCII.minus, ASCII.zero...ASCII.nine: return try number()
        case ASCII.t: return try literal("true", .true)
        case ASCII.f: return try literal("false", .false)
        case ASCII.n: return try literal("null", .null)
        default: throw unexpected("a value")
        }
    }

    private mutating func open(_ kind: JSONToken.Kind) throws(JSONSyntaxError) -> JSONToken {
        guard depth < depthLimit else {
            throw JSONSyntaxError(offset: index, problem: "it nests deeper than \(depthLimit) levels")
        }
        if depth > 0, depth.isMultiple(of: 64) { outerLevels.append(levels) }
        depth += 1
        let isObject = kind == .beginObject
        levels = levels << 1 | (isObject ? 1 : 0)
        expectation = isObject ? .keyOrEnd : .elementOrEnd
        index += 1
        return JSONToken(kind, index - 1..<index)
    }

    private mutating func close(_ kind: JSONToken.Kind) -> JSONToken {
        depth -= 1
        levels >>= 1
        if depth > 0, depth.isMultiple(of: 64), let outer = outerLevels.popLast() { levels = outer }
        expectation = .commaOrEnd
        index += 1
        return JSONToken(kind, index - 1..<index)
    }

    private mutating func string(_ kind: JSONToken.Kind) throws(JSONSyntaxError) -> JSONToken {
        let start = index
        index = try JSONText.endOfString(in: bytes.span, from: start)
        return JSONToken(kind, start..<index)
    }

    private mutating func number() throws(JSONSyntaxError) -> JSONToken {
        let start = index
        index = try JSONText.endOfNumber(in: bytes.span, from: start)
        return JSONToken(.number, start..<index)
    }

    private mutating func literal(_ text: StaticString, _ kind: JSONToken.Kind) throws(JSONSyntaxError) -> JSONToken {
        let start = index
        let expected = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        for byte in expected {
            guard peek() == byte else { throw unexpected("\(text)") }
            index += 1
        }
        return JSONToken(kind, start..<index)
    }

    private func peek() -> UInt8? {
        index < bytes.count ? bytes[index] : nil
    }

    private mutating func skipWhitespace() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x0A, 0x0D, 0x09: index += 1
            default: return
            }
        }
    }

    private func unexpected(_ expected: String) -> JSONSyntaxError {
        JSONSyntaxError.found(at: index, in: bytes.span, instead: expected)
    }
}
