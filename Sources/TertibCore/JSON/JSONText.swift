/// The grammar of JSON's strings and numbers (RFC 8259, sections 6 and 7) on bytes.
enum JSONText {
    /// The offset behind the string whose opening quote stands at `start`.
    static func endOfString(in bytes: Span<UInt8>, from start: Int) throws(JSONSyntaxError) -> Int {
        var index = start + 1
        while index < bytes.count {
            let byte = bytes[index]
            if byte == ASCII.quote { return index + 1 }
            if byte == ASCII.backslash {
                index = try endOfEscape(in: bytes, from: index)
            } else if byte >= 0x80 {
                index = try endOfScalar(in: bytes, from: index)
            } else if byte < 0x20 {
                throw JSONSyntaxError(
                    offset: index, problem: "a control character in a string must be escaped: byte \(hex(byte))")
            } else {
                index += 1
            }
        }
        throw JSONSyntaxError(offset: start, problem: "the string never ends that begins")
    }

    /// The offset behind the number that begins at `start`.
    static func endOfNumber(in bytes: Span<UInt8>, from start: Int) throws(JSONSyntaxError) -> Int {
        var index = start
        if bytes[index] == ASCII.minus { index += 1 }
        if index < bytes.count, bytes[index] == ASCII.zero {
            index += 1
            if index < bytes.count, isDigit(bytes[index]) {
                throw JSONSyntaxError(offset: start, problem: "a number must not begin with a superfluous zero")
            }
        } else {
            index = try endOfDigits(in: bytes, from: index)
        }
        if index < bytes.count, bytes[index] == ASCII.point {
            index = try endOfDigits(in: bytes, from: index + 1)
        }
        if index < bytes.count, bytes[index] | 0x20 == ASCII.e {
            index += 1
            if index < bytes.count, bytes[index] == ASCII.plus || bytes[index] == ASCII.minus { index += 1 }
            index = try endOfDigits(in: bytes, from: index)
        }
        return index
    }

    /// The offset behind the run of at least one digit at `start`.
    private static func endOfDigits(in bytes: Span<UInt8>, from start: Int) throws(JSONSyntaxError) -> Int {
        var index = start
        while index < bytes.count, isDigit(bytes[index]) { index += 1 }
        if index == start { throw JSONSyntaxError.found(at: index, in: bytes, instead: "a digit") }
        return index
    }

    /// The offset behind the escape whose backslash stands at `start`; both halves of an escaped surrogate pair.
    private static func endOfEscape(in bytes: Span<UInt8>, from start: Int) throws(JSONSyntaxError) -> Int {
        guard start + 1 < bytes.count else {
            throw JSONSyntaxError(offset: start, problem: "the escape is cut off")
        }
        switch bytes[start + 1] {
        case ASCII.quote, ASCII.backslash, ASCII.slash, ASCII.b, ASCII.f, ASCII.n, ASCII.r, ASCII.t:
            return start + 2
        case ASCII.u:
            break
        default:
            throw JSONSyntaxError(offset: start, problem: "this is no escape that JSON knows:")
        }
        let unit = try codeUnit(in: bytes, from: start)
        guard unit & 0xF800 == 0xD800 else { return start + 6 }
        let next = start + 6
        guard unit < 0xDC00, next + 1 < bytes.count, bytes[next] == ASCII.backslash, bytes[next + 1] == ASCII.u,
            (0xDC00...0xDFFF).contains(try codeUnit(in: bytes, from: next))
        else { throw JSONSyntaxError(offset: start, problem: "an escaped surrogate lacks its other half") }
        return next + 6
    }

    /// The four hexadecimal digits of the escape `\uXXXX` at `start`.
    private static func codeUnit(in bytes: Span<UInt8>, from start: Int) throws(JSONSyntaxError) -> UInt32 {
        var unit: UInt32 = 0
        for index in start + 2..<start + 6 {
            guard index < bytes.count, let digit = hexadecimalValue(bytes[index]) else {
                throw JSONSyntaxError(offset: start, problem: "\\u needs four hexadecimal digits")
            }
            unit = unit << 4 | digit
        }
        return unit
    }

    /// The offset behind the scalar of two to four bytes at `start`.
    ///
    /// Source: The Unicode Standard, table 3-7, "Well-Formed UTF-8 Byte Sequences".
    private static func endOfScalar(in bytes: Span<UInt8>, from start: Int) throws(JSONSyntaxError) -> Int {
        let second: ClosedRange<UInt8>
        let count: Int
        switch bytes[start] {
        case 0xC2...0xDF: (second, count) = (0x80...0xBF, 2)
        case 0xE0: (second, count) = (0xA0...0xBF, 3)
        case 0xE1...0xEC, 0xEE, 0xEF: (second, count) = (0x80...0xBF, 3)
        case 0xED: (second, count) = (0x80...0x9F, 3)
        case 0xF0: (second, count) = (0x90...0xBF, 4)
        case 0xF1...0xF3: (second, count) = (0x80...0xBF, 4)
        case 0xF4: (second, count) = (0x80...0x8F, 4)
        default: throw JSONSyntaxError(offset: start, problem: "it is not UTF-8")
        }
        guard bytes.count - start >= count, second.contains(bytes[start + 1]),
            count < 3 || bytes[start + 2] & 0xC0 == 0x80, count < 4 || bytes[start + 3] & 0xC0 == 0x80
        else { throw JSONSyntaxError(offset: start, problem: "it is not UTF-8") }
        return start + count
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- ASCII.zero < 10 }

    /// The value of a hexadecimal digit.
    static func hexadecimalValue(_ byte: UInt8) -> UInt32? {
        if isDigit(byte) { return UInt32(byte - ASCII.zero) }
        let letter = byte | 0x20
        return (ASCII.a...ASCII.f).contains(letter) ? UInt32(letter - ASCII.a) + 10 : nil
    }

    /// `0x0A`
    static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "0x" + (digits.utf8.count < 2 ? "0" : "") + digits
    }
}

extension JSONSyntaxError {
    /// The error for something that stands where something else was expected.
    static func found(at index: Int, in bytes: Span<UInt8>, instead expected: String) -> JSONSyntaxError {
        guard index < bytes.count else {
            return JSONSyntaxError(offset: index, problem: "it ends where \(expected) is expected")
        }
        let byte = bytes[index]
        let found: String
        switch byte {
        case ASCII.slash: found = "a \"/\" (JSON has no comments)"
        case 0x27: found = "a single quote (strings stand in double quotes)"
        case 0x21...0x7E: found = "a \"\(Unicode.Scalar(byte))\""
        default: found = "the byte \(JSONText.hex(byte))"
        }
        return JSONSyntaxError(offset: index, problem: "expected \(expected) and found \(found)")
    }
}
