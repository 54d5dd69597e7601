/// The position of an event in the history of its aggregate: contiguous, from 1 to 2^53 - 1, never restarted.
///
/// ``none`` (0) means "nothing yet". The limit is the largest integer that every JSON reader keeps exact (RFC 8259,
/// section 6).
public struct AggregateVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number.
    public let number: Int64

    /// "Nothing yet": the version before the first event.
    public static let none = AggregateVersion(unchecked: 0)
    /// The version of an aggregate's first event.
    public static let first = AggregateVersion(unchecked: 1)
    /// The highest version: 2^53 - 1.
    public static let highest = AggregateVersion(unchecked: 9_007_199_254_740_991)

    /// Creates a version; `nil` unless `number` is in `0...2^53 - 1`.
    public init?(_ number: Int64) {
        guard (0...Self.highest.number).contains(number) else { return nil }
        self.number = number
    }

    /// Reads the form the wire uses, `[1-9][0-9]{0,15}`: no sign, no leading zero, no space, ASCII digits only.
    public init?(wire text: some StringProtocol) {
        let digits = text.utf8
        guard let first = digits.first, digits.count <= 16, first != UInt8(ascii: "0") else { return nil }
        var number: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            number = number * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        self.init(number)
    }

    private init(unchecked number: Int64) {
        self.number = number
    }

    /// The next version; `nil` after ``highest``.
    public var next: AggregateVersion? { AggregateVersion(number + 1) }

    /// The version before; `nil` before ``none``.
    public var previous: AggregateVersion? { AggregateVersion(number - 1) }

    /// Whether this version directly follows `other`.
    public func follows(_ other: AggregateVersion) -> Bool { number - other.number == 1 }

    /// Ordered by number.
    public static func < (left: AggregateVersion, right: AggregateVersion) -> Bool { left.number < right.number }

    /// The number.
    public var description: String { String(number) }
}
