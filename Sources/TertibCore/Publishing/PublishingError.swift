/// An aggregate did not have the version that a writer expected; nothing was written.
public struct VersionConflict: Error, Hashable, Sendable, CustomStringConvertible {
    /// The aggregate.
    public let aggregate: Aggregate
    /// The version that was expected.
    public let expected: AggregateVersion
    /// The version that it has; `nil` when another writer was changing it at that moment.
    public let actual: AggregateVersion?

    /// Creates a conflict.
    public init(aggregate: Aggregate, expected: AggregateVersion, actual: AggregateVersion?) {
        self.aggregate = aggregate
        self.expected = expected
        self.actual = actual
    }

    /// `product/42 has version 7, not the expected 6`
    public var description: String {
        guard let actual else { return "\(aggregate) is being changed by another writer, expected \(expected)" }
        return "\(aggregate) has version \(actual), not the expected \(expected)"
    }
}

/// Of several events to append, the first ones were written and a later one was not.
public struct PartialAppend: Error, Sendable, CustomStringConvertible {
    /// What was written.
    public let receipts: [PublishReceipt]
    /// Why the next one was not.
    public let underlying: any Error

    /// Creates an error.
    public init(receipts: [PublishReceipt], underlying: any Error) {
        self.receipts = receipts
        self.underlying = underlying
    }

    /// How much was written, and why no more.
    public var description: String { "\(receipts.count) events were appended, then: \(underlying)" }
}

/// Why an event could not be published.
public struct PublishingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure. More may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case notOwner, wrongWay, invalidEvent, versionsExhausted, unsafeStream, identityClash, undecided
            case timedOut
        }
        private let wrapped: Wrapped

        /// The service does not publish the aggregate's type.
        public static let notOwner = Code(wrapped: .notOwner)
        /// The service publishes the type the other way.
        public static let wrongWay = Code(wrapped: .wrongWay)
        /// The event breaks the wire contract.
        public static let invalidEvent = Code(wrapped: .invalidEvent)
        /// The aggregate has the highest version.
        public static let versionsExhausted = Code(wrapped: .versionsExhausted)
        /// The stream cannot guarantee what the call promises.
        public static let unsafeStream = Code(wrapped: .unsafeStream)
        /// The event's id is that of another event in the stream.
        public static let identityClash = Code(wrapped: .identityClash)
        /// The broker did not say whether the event is stored.
        public static let undecided = Code(wrapped: .undecided)
        /// A wait reached its limit.
        public static let timedOut = Code(wrapped: .timedOut)

        /// The name of the code.
        public var description: String { wrapped.rawValue }
    }

    /// What kind of failure.
    public let code: Code
    /// What was attempted.
    public let attempted: String
    /// What went wrong, in words.
    public let reason: String
    /// What a person can do about it, if there is something.
    public let advice: String?

    /// Creates an error.
    public init(_ code: Code, attempted: String, reason: String, advice: String? = nil) {
        self.code = code
        self.attempted = attempted
        self.reason = reason
        self.advice = advice
    }

    /// Whether the same call, with the same event id, may succeed later.
    public var isRetriable: Bool { [.undecided, .timedOut].contains(code) }

    /// What, why, and what to do.
    public var description: String {
        "could not \(attempted): \(reason)" + (advice.map { "\n\($0)" } ?? "")
    }
}
