/// Percent-encoding of header values, as the CloudEvents HTTP and NATS bindings define it: space, `"`, `%` and
/// everything outside U+0021 to U+007E is written `%XX`, a UTF-8 byte each.
enum HeaderValue {
    static func encode(_ text: String) -> String {
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            if byte > 0x20, byte < 0x7F, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "%") {
                encoded.append(byte)
            } else {
                encoded.append(UInt8(ascii: "%"))
                encoded.append(SubjectMapping.hexadecimalDigit(byte >> 4))
                encoded.append(SubjectMapping.hexadecimalDigit(byte & 0x0F))
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// Decodes leniently: hexadecimal digits of either case, and a `%` that none follow stands for itself.
    /// - Returns: `nil` when the result is not UTF-8.
    static func decode(_ value: [UInt8]) -> String? {
        guard value.contains(UInt8(ascii: "%")) else { return String(validating: value, as: UTF8.self) }
        var decoded: [UInt8] = []
        var index = 0
        while index < value.count {
            if value[index] == UInt8(ascii: "%"), index + 2 < value.count,
                let high = digit(value[index + 1]), let low = digit(value[index + 2])
            {
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(value[index])
                index += 1
            }
        }
        return String(validating: decoded, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        SubjectMapping.hexadecimalValue((UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte) ? byte - 0x20 : byte)
    }
}
