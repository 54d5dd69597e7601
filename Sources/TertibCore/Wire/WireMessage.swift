/// A message as the broker has it: subject, headers, body. Nothing about it has been checked.
public struct WireMessage: Hashable, Sendable {
    /// The subject. Bytes that are not UTF-8 appear as U+FFFD, which no valid subject contains.
    public var subject: String
    /// The headers, in the order in which they came, repeated ones included.
    public var headers: [HeaderField]
    /// The body.
    public var body: [UInt8]

    /// Creates a message.
    public init(subject: String, headers: [HeaderField] = [], body: [UInt8] = []) {
        self.subject = subject
        self.headers = headers
        self.body = body
    }

    /// The values of a header, without regard to the case of its name.
    public func values(of name: String) -> [[UInt8]] {
        headers.filter { $0.isNamed(name) }.map(\.value)
    }
}

/// One header line. Names and values are bytes: what comes from outside need not be UTF-8.
public struct HeaderField: Hashable, Sendable {
    /// The name, as it was spelled.
    public var name: [UInt8]
    /// The value, without the white space around it.
    public var value: [UInt8]

    /// Creates a field from bytes.
    public init(name: [UInt8], value: [UInt8]) {
        self.name = name
        self.value = value
    }

    /// Creates a field from text.
    public init(_ name: String, _ value: String) {
        self.init(name: Array(name.utf8), value: Array(value.utf8))
    }

    /// Whether the field has this name, without regard to the case of ASCII letters.
    public func isNamed(_ other: String) -> Bool {
        name.count == other.utf8.count
            && zip(name, other.utf8).allSatisfy { Self.lowercased($0) == Self.lowercased($1) }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
