import TertibRuntime

extension SQLValue {
    /// A value of a user's query, in text form.
    ///
    /// Numbers and booleans become what SQLite makes of them; a `numeric` with more digits than a floating-point number
    /// keeps, and every other type, become the text that PostgreSQL writes.
    init(_ result: QueryResult, _ row: Int, _ column: Int) {
        guard !result.isNull(row, column) else {
            self = .null
            return
        }
        let text = result.withBytes(row, column) { String(decoding: $0, as: UTF8.self) }
        self = Self.read(text, of: result.columnType(column)) ?? .text(text)
    }

    private static func read(_ text: String, of type: UInt32) -> SQLValue? {
        switch type {
        case ServerType.bigint, ServerType.integer, ServerType.smallint, ServerType.objectID:
            Int64(text).map { .integer($0) }
        case ServerType.boolean:
            .integer(text == "t" ? 1 : 0)
        case ServerType.double, ServerType.real:
            number(text).map { .double($0) }
        case ServerType.numeric:
            Int64(text).map { .integer($0) } ?? exact(text).map { .double($0) }
        case ServerType.bytes:
            bytes(text).map { .blob($0) }
        default:
            nil
        }
    }

    /// Swift reads neither `Infinity` with a capital nor `NaN` otherwise than PostgreSQL writes them.
    private static func number(_ text: String) -> Double? { Double(text) ?? Double(text.lowercased()) }

    /// Up to 15 digits a floating-point number keeps.
    private static func exact(_ text: String) -> Double? {
        text.utf8.count { $0 &- UInt8(ascii: "0") < 10 } <= 15 ? number(text) : nil
    }

    /// `\x` and two digits a byte (`bytea_output = hex`).
    private static func bytes(_ text: String) -> [UInt8]? {
        guard text.hasPrefix("\\x") else { return nil }
        let digits = Array(text.utf8.dropFirst(2))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count - 1, by: 2) {
            guard let high = digit(digits[index]), let low = digit(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
