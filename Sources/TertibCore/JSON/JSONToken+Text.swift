extension JSONToken {
    /// The text of a string or key in `bytes`, from which this piece was read: quotes removed, escapes replaced.
    package func text(in bytes: [UInt8]) -> String {
        guard kind == .string || kind == .key, range.count >= 2, range.upperBound <= bytes.count else {
            return String(decoding: bytes[range.clamped(to: bytes.indices)], as: UTF8.self)
        }
        let content = bytes[range.lowerBound + 1..<range.upperBound - 1]
        guard content.contains(ASCII.backslash) else { return String(decoding: content, as: UTF8.self) }
        var scalars = String.UnicodeScalarView()
        var rest = content
        while let plain = rest.firstIndex(of: ASCII.backslash) {
            scalars.append(contentsOf: String(decoding: rest[..<plain], as: UTF8.self).unicodeScalars)
            rest = rest[plain...].dropFirst()
            scalars.append(Self.takeEscape(&rest))
        }
        scalars.append(contentsOf: String(decoding: rest, as: UTF8.self).unicodeScalars)
        return String(scalars)
    }

    /// Takes what follows a backslash, and the second half of a surrogate pair.
    private static func takeEscape(_ rest: inout ArraySlice<UInt8>) -> Unicode.Scalar {
        switch rest.popFirst() {
        case ASCII.b: return "\u{8}"
        case ASCII.f: return "\u{C}"
        case ASCII.n: return "\n"
        case ASCII.r: return "\r"
        case ASCII.t: return "\t"
        case ASCII.u:
            let unit = takeCodeUnit(&rest)
            guard unit & 0xFC00 == 0xD800 else { return Unicode.Scalar(unit) ?? "\u{FFFD}" }
            rest = rest.dropFirst(2)
            let low = takeCodeUnit(&rest)
            return Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low & 0x3FF)) ?? "\u{FFFD}"
        case let other?: return Unicode.Scalar(other)
        case nil: return "\u{FFFD}"
        }
    }

    private static func takeCodeUnit(_ rest: inout ArraySlice<UInt8>) -> UInt32 {
        let unit = rest.prefix(4).reduce(into: UInt32(0)) { unit, byte in
            unit = unit << 4 | (JSONText.hexadecimalValue(byte) ?? 0)
        }
        rest = rest.dropFirst(4)
        return unit
    }
}

/// A place in a text, as people and editors count: from 1.
package struct TextPosition: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The line, from 1; lines end with LF.
    package let line: Int
    /// The column, from 1, counted in Unicode scalars.
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// The place of the byte at `offset`; beyond the end it is the end.
    package init(of offset: Int, in bytes: [UInt8]) {
        let before = bytes.prefix(max(0, offset))
        let lineStart = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        line = 1 + before.reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) }
        column = 1 + before[lineStart...].reduce(0) { $0 + ($1 & 0xC0 != 0x80 ? 1 : 0) }
    }

    package static func < (left: TextPosition, right: TextPosition) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }

    /// `12:5`
    package var description: String { "\(line):\(column)" }
}
