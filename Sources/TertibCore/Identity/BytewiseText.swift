/// A validated piece of text whose equality, order and hash are those of its UTF-8 bytes.
///
/// Swift's own `String` compares by canonical equivalence: `"\u{e9}"` equals `"e\u{301}"`. On the wire and in every
/// database these are two different keys, so an identity must never be compared that way.
public protocol BytewiseText: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The text, exactly as it was given.
    var text: String { get }

    /// Validates `text`.
    /// - Throws: ``IdentityError`` that says what is wrong with it.
    init(_ text: String) throws(IdentityError)
}

extension BytewiseText {
    /// Equal when the UTF-8 bytes are.
    public static func == (left: Self, right: Self) -> Bool {
        guard left.text.utf8.count == right.text.utf8.count else { return false }
        var (left, right) = (left.text, right.text)
        return left.withUTF8 { left in right.withUTF8 { right in left.elementsEqual(right) } }
    }

    /// Ordered by UTF-8 bytes, which is what `COLLATE "C"` and SQLite's `BINARY` do.
    public static func < (left: Self, right: Self) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
    }

    /// Hashes the UTF-8 bytes.
    public func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { bytes in
            hasher.combine(bytes.count)
            hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
        }
    }

    /// The text.
    public var description: String { text }
}

/// Why a piece of text cannot be an identity.
public struct IdentityError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the text was meant to be, such as `aggregate id`.
    public let subject: String
    /// What is wrong with it, as the end of a sentence: `is empty`.
    public let problem: String

    /// Creates an error.
    public init(_ subject: String, _ problem: String) {
        self.subject = subject
        self.problem = problem
    }

    /// `aggregate id is empty`
    public var description: String { "\(subject) \(problem)" }
}

/// The checks that the identities share.
enum IdentityRule {
    /// Refuses text that is empty, longer than `limit` bytes of UTF-8, or holds a control character (U+0000 to U+001F,
    /// U+007F to U+009F).
    static func checkPlain(_ text: String, as subject: String, limit: Int) throws(IdentityError) {
        try checkLength(text, as: subject, limit: limit)
        for scalar in text.unicodeScalars where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
            throw IdentityError(subject, "contains the control character U+\(hexadecimal(scalar.value))")
        }
    }

    /// Refuses text that is empty or longer than `limit` bytes of UTF-8.
    static func checkLength(_ text: String, as subject: String, limit: Int) throws(IdentityError) {
        let count = text.utf8.count
        if count == 0 { throw IdentityError(subject, "is empty") }
        if count > limit { throw IdentityError(subject, "has \(count) bytes, more than the \(limit) allowed") }
    }

    /// Refuses text that does not match `[a-z][a-z0-9EXTRA]{0,62}`.
    static func checkName(_ text: String, as subject: String, extra: StaticString) throws(IdentityError) {
        try checkLength(text, as: subject, limit: 63)
        let allowedExtra = Array("\(extra)".utf8)
        for (offset, byte) in text.utf8.enumerated() {
            let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            if isLetter || (offset > 0 && (isDigit || allowedExtra.contains(byte))) { continue }
            throw IdentityError(subject, "does not match [a-z][a-z0-9\(extra)]{0,62}")
        }
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
