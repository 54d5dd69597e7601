package import TertibCore

/// A header block, `NATS/1.0[ status[ description]]` and `name: value` lines, read without losing anything.
///
/// What a line lacks is no reason to refuse the rest: a stored message has to reach the consumer, which then says what
/// is wrong with it.
package struct HeaderBlock: Hashable, Sendable {
    /// The three digits behind `NATS/1.0`.
    var status: Int?
    /// The text behind the status.
    var description = ""
    /// The fields in their order. A line without a colon is a name without a value.
    var fields: [HeaderField] = []

    private static let preamble = Array("NATS/1.0".utf8)
    private static let carriageReturn = UInt8(ascii: "\r")
    private static let lineFeed = UInt8(ascii: "\n")

    package init(_ bytes: [UInt8]) {
        var rest = bytes[...]
        var isFirst = true
        while let line = Self.takeLine(&rest) {
            if isFirst, line.starts(with: Self.preamble) {
                readStatus(line.dropFirst(Self.preamble.count))
            } else if !line.isEmpty {
                readField(line)
            }
            isFirst = false
        }
    }

    /// The fields as a stored message has them. A status that stands in a *stored* message means nothing, but it is
    /// part of what was sent, so it is kept under the names that the NATS clients use.
    package var storedFields: [HeaderField] {
        guard let status else { return fields }
        var stored = [HeaderField("Status", String(status))]
        if !description.isEmpty { stored.append(HeaderField("Description", description)) }
        return stored + fields
    }

    /// The last value of a field, its name spelled exactly so: what the server appends stands behind what a client
    /// sent under the same name.
    func last(_ name: String) -> String? {
        fields.last { $0.name.elementsEqual(name.utf8) }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    private static func takeLine(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard !rest.isEmpty else { return nil }
        var index = rest.startIndex
        while index < rest.endIndex {
            if rest[index] == lineFeed, index > rest.startIndex, rest[index - 1] == carriageReturn {
                defer { rest = rest[(index + 1)...] }
                return rest[..<(index - 1)]
            }
            index += 1
        }
        defer { rest = [] }
        return rest
    }

    private mutating func readStatus(_ line: ArraySlice<UInt8>) {
        let text = Self.trimmed(line)
        guard !text.isEmpty else { return }
        let code = text.prefix(3)
        status = code.count == 3 ? Int(String(decoding: code, as: UTF8.self)) : nil
        description = String(decoding: Self.trimmed(status == nil ? text : text.dropFirst(3)), as: UTF8.self)
    }

    private mutating func readField(_ line: ArraySlice<UInt8>) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            fields.append(HeaderField(name: Array(line), value: []))
            return
        }
        fields.append(
            HeaderField(name: Array(line[..<colon]), value: Array(Self.trimmed(line[(colon + 1)...]))))
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes
        while let first = bytes.first, first == 0x20 || first == 0x09 { bytes.removeFirst() }
        while let last = bytes.last, last == 0x20 || last == 0x09 { bytes.removeLast() }
        return bytes
    }
}
