import TertibRuntime
import TertibCore

/// The stream's answer to a publish.
struct PublishAcknowledgement: Hashable, Sendable {
    let stream: String
    let sequence: StreamSequence
    let isDuplicate: Bool

    /// Reads `{"stream":"SHOP", "seq":7}` without a JSON reader: it is what nearly every answer looks like, byte for
    /// byte, and publishing is as fast as reading it. Anything else is left to the JSON reader.
    init?(plain bytes: [UInt8]) {
        var rest = bytes[...]
        guard rest.take("{\"stream\":\""), let name = rest.takeUntil(UInt8(ascii: "\"")), !name.contains(0x5C),
            rest.take("\", \"seq\":"), let number = rest.takeNumber(), rest.take("}"), rest.isEmpty
        else { return nil }
        stream = String(decoding: name, as: UTF8.self)
        sequence = StreamSequence(number)
        isDuplicate = false
    }

    init?(_ answer: JSONValue) {
        guard let stream = answer["stream"].text, let sequence = answer["seq"].unsigned, sequence > 0 else {
            return nil
        }
        self.stream = stream
        self.sequence = StreamSequence(sequence)
        isDuplicate = answer["duplicate"].bool
    }
}

extension ArraySlice<UInt8> {
    fileprivate mutating func take(_ text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        let isThere = text.withUTF8Buffer { prefix(text.utf8CodeUnitCount).elementsEqual($0) }
        if isThere { removeFirst(text.utf8CodeUnitCount) }
        return isThere
    }

    fileprivate mutating func takeUntil(_ end: UInt8) -> ArraySlice<UInt8>? {
        guard let index = firstIndex(of: end) else { return nil }
        defer { self = self[index...] }
        return self[..<index]
    }

    fileprivate mutating func takeNumber() -> UInt64? {
        let digits = prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        removeFirst(digits.count)
        return StreamSequence(wire: String(decoding: digits, as: UTF8.self))?.number
    }
}
