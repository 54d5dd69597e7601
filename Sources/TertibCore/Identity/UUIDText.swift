/// Writes UUIDs of version 7 (RFC 9562, section 5.7), which sort by the time they were made.
package enum UUIDText {
    /// A UUID of a moment, in lower case; 74 of the random bits are used.
    package static func version7(at time: Timestamp, _ first: UInt64, _ second: UInt64) -> String {
        let milliseconds = UInt64(max(0, time.microseconds / 1000)) & 0xFFFF_FFFF_FFFF
        let high = milliseconds << 16 | 0x7000 | first & 0x0FFF
        let low = 0x8000_0000_0000_0000 | second & 0x3FFF_FFFF_FFFF_FFFF
        var text = ""
        for (offset, digit) in (hexadecimal(high) + hexadecimal(low)).enumerated() {
            if [8, 12, 16, 20].contains(offset) { text.append("-") }
            text.append(digit)
        }
        return text
    }

    private static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
