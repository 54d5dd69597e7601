/// The identity of one event, unique everywhere: 1 to 256 bytes without control characters.
public struct EventID: BytewiseText {
    /// The id.
    public let text: String

    /// Validates an id.
    public init(_ text: String) throws(IdentityError) {
        try IdentityRule.checkPlain(text, as: "event id", limit: 256)
        self.text = text
    }
}

/// What happened, in the past tense, such as `product.priced`: 1 to 256 bytes without control characters.
public struct EventType: BytewiseText {
    /// The name.
    public let text: String

    /// Validates a name.
    public init(_ text: String) throws(IdentityError) {
        try IdentityRule.checkPlain(text, as: "event type", limit: 256)
        self.text = text
    }
}

/// Who published an event, a CloudEvents `source` such as `/catalog`: 1 to 256 bytes without control characters.
public struct EventSource: BytewiseText {
    /// The URI reference.
    public let text: String

    /// Validates a source.
    public init(_ text: String) throws(IdentityError) {
        try IdentityRule.checkPlain(text, as: "event source", limit: 256)
        self.text = text
    }
}

/// The name of a service: `[a-z][a-z0-9-]{0,62}`.
public struct ServiceName: BytewiseText {
    /// The name.
    public let text: String

    /// Validates a name.
    public init(_ text: String) throws(IdentityError) {
        try IdentityRule.checkName(text, as: "service name", extra: "-")
        self.text = text
    }
}

/// The name of a consumer within its service: `[a-z][a-z0-9-]{0,62}`.
public struct ConsumerName: BytewiseText {
    /// The name.
    public let text: String

    /// Validates a name.
    public init(_ text: String) throws(IdentityError) {
        try IdentityRule.checkName(text, as: "consumer name", extra: "-")
        self.text = text
    }
}

/// The first token of every subject, `[a-z][a-z0-9-]{0,62}`: it keeps the systems that share a broker apart.
public struct Namespace: BytewiseText {
    /// The token.
    public let text: String

    /// Validates a token.
    public init(_ text: String) throws(IdentityError) {
        try IdentityRule.checkName(text, as: "namespace", extra: "-")
        self.text = text
    }
}

/// The name of a JetStream stream: 1 to 64 of `A-Za-z0-9_-`, with at least one that is not a digit.
///
/// A purely numeric name could be mistaken for a number in an acknowledgement subject, so it is refused.
public struct StreamName: BytewiseText {
    /// The name.
    public let text: String

    /// Validates a name.
    public init(_ text: String) throws(IdentityError) {
        try IdentityRule.checkLength(text, as: "stream name", limit: 64)
        guard text.utf8.allSatisfy(SubjectMapping.isPlain) else {
            throw IdentityError("stream name", "may contain A-Z, a-z, 0-9, _ and - only")
        }
        guard !text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else {
            throw IdentityError("stream name", "must not be a number")
        }
        self.text = text
    }
}

/// A message's position in its JetStream stream. Never a version of an aggregate.
public struct StreamSequence: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number; 0 stands before the first message.
    public let number: UInt64

    /// Before the first message.
    public static let none = StreamSequence(0)

    /// Creates a position.
    public init(_ number: UInt64) {
        self.number = number
    }

    /// Reads ASCII digits without a sign or leading zero; `0` itself is allowed.
    public init?(wire text: some StringProtocol) {
        let digits = text.utf8
        guard (1...20).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0"),
            digits.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains), let number = UInt64(text)
        else { return nil }
        self.number = number
    }

    /// The position after this one; the highest has none and stays.
    public var next: StreamSequence { number == .max ? self : StreamSequence(number + 1) }

    /// Ordered by number.
    public static func < (left: StreamSequence, right: StreamSequence) -> Bool { left.number < right.number }

    /// The number.
    public var description: String { String(number) }
}
