/// The address of a NATS server: `nats://HOST[:PORT]` or `tls://HOST[:PORT]`, without user or password.
public struct NATSServer: Hashable, Sendable, CustomStringConvertible {
    /// The address as the configuration writes it.
    public let url: String
    /// Whether its scheme asks for TLS.
    public let asksForTLS: Bool

    /// `nats://127.0.0.1:4222`
    public var description: String { url }

    /// Reads an address.
    /// - Throws: what is wrong with it. It never repeats the text, which may hold a password.
    init(_ text: String) throws(Mismatch) {
        let schemes = ["nats://", "tls://"]
        guard let scheme = schemes.first(where: text.hasPrefix) else {
            throw .invalid("does not begin with nats:// or tls://")
        }
        let rest = text.utf8.dropFirst(scheme.utf8.count)
        if rest.contains(UInt8(ascii: "@")) {
            throw .invalid(
                "contains a user or a password",
                advice: "name them under $.nats.authentication, the password by its file")
        }
        guard let port = Self.portAfterHost(rest), port.isEmpty || Self.isPort(port) else {
            throw .invalid("is not a scheme, a host and a port from 1 to 65535")
        }
        url = text
        asksForTLS = scheme == "tls://"
    }

    /// What follows a host name or an address in brackets, the colon included; `nil` when there is no host.
    private static func portAfterHost(_ text: Substring.UTF8View) -> Substring.UTF8View? {
        if text.first == UInt8(ascii: "[") {
            let address = text.dropFirst().prefix { isHexadecimal($0) || $0 == colon || $0 == UInt8(ascii: ".") }
            let end = text.dropFirst(1 + address.count)
            guard (2...45).contains(address.count), end.first == UInt8(ascii: "]") else { return nil }
            return end.dropFirst()
        }
        let host = text.prefix { byte in
            isHexadecimal(byte) || (UInt8(ascii: "g")...UInt8(ascii: "z")).contains(byte | 0x20)
                || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains(byte)
        }
        return (1...253).contains(host.count) ? text.dropFirst(host.count) : nil
    }

    private static let colon = UInt8(ascii: ":")

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        byte &- UInt8(ascii: "0") < 10 || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }

    private static func isPort(_ text: Substring.UTF8View) -> Bool {
        let digits = text.dropFirst()
        guard text.first == colon, (1...5).contains(digits.count), digits.first != UInt8(ascii: "0"),
            digits.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }), let port = Int(String(decoding: digits, as: UTF8.self))
        else { return false }
        return (1...65_535).contains(port)
    }
}
