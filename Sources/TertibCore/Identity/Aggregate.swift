/// The consistency unit whose events are ordered: a type and an id, written `product/42`.
public struct Aggregate: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The kind of thing, such as `product`.
    public let type: AggregateType
    /// Which one of them, such as `42`.
    public let id: AggregateID

    /// Creates an aggregate's identity.
    public init(type: AggregateType, id: AggregateID) {
        self.type = type
        self.id = id
    }

    /// Reads `TYPE/ID`, split at the first `/`: the id is raw and may itself contain slashes.
    /// - Throws: ``IdentityError`` when there is no slash, or when one of the two parts is not valid.
    public init(parsing text: String) throws(IdentityError) {
        let bytes = text.utf8
        guard let slash = bytes.firstIndex(of: UInt8(ascii: "/")) else {
            throw IdentityError("aggregate", "is not of the form TYPE/ID, such as product/42")
        }
        type = try AggregateType(String(text[..<slash]))
        id = try AggregateID(String(text[bytes.index(after: slash)...]))
    }

    /// Ordered by type, then by id, both by their bytes. Every store locks rows in this order.
    public static func < (left: Aggregate, right: Aggregate) -> Bool {
        left.type == right.type ? left.id < right.id : left.type < right.type
    }

    /// `product/42`, the id raw.
    public var description: String { "\(type.text)/\(id.text)" }
}

/// A kind of aggregate: `[a-z][a-z0-9_-]{0,62}`.
public struct AggregateType: BytewiseText {
    /// The name.
    public let text: String

    /// Validates a name.
    public init(_ text: String) throws(IdentityError) {
        try IdentityRule.checkName(text, as: "aggregate type", extra: "_-")
        self.text = text
    }
}

/// The id of an aggregate within its type: 1 to 128 bytes of UTF-8 without U+0000.
public struct AggregateID: BytewiseText {
    /// The raw id, as the application knows it.
    public let text: String

    /// Validates an id.
    public init(_ text: String) throws(IdentityError) {
        try IdentityRule.checkLength(text, as: "aggregate id", limit: 128)
        if text.utf8.contains(0) {
            throw IdentityError("aggregate id", "contains U+0000, which no database can store")
        }
        self.text = text
    }
}
