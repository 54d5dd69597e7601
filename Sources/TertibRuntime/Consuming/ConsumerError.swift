public import TertibCore

/// Why a consumer stopped, or does not start.
public struct ConsumerError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure. More may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String { case streamChanged, unknownConsumer }
        private let wrapped: Wrapped

        /// The stream is not the one that the watermarks speak of.
        public static let streamChanged = Code(wrapped: .streamChanged)
        /// The configuration has no consumer of that name.
        public static let unknownConsumer = Code(wrapped: .unknownConsumer)

        /// The name of the code.
        public var description: String { wrapped.rawValue }
    }

    /// What kind of failure.
    public let code: Code
    /// The consumer.
    public let consumer: ConsumerName
    /// What went wrong, in words.
    public let reason: String
    /// What a person can do about it.
    public let advice: String?

    /// Creates an error.
    public init(_ code: Code, consumer: ConsumerName, reason: String, advice: String? = nil) {
        self.code = code
        self.consumer = consumer
        self.reason = reason
        self.advice = advice
    }

    /// What, why, and what to do.
    public var description: String {
        "consumer \(consumer) cannot run: \(reason)" + (advice.map { "\n\($0)" } ?? "")
    }
}
