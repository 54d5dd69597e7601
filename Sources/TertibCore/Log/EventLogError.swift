/// Why the event log could not do what was asked.
public struct EventLogError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure. More may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case unavailable, timedOut, notPermitted, authentication, streamGone, consumerGone, unsafeConfiguration
            case storeMismatch, tooLarge, full, invalid, closed, unsupported
        }
        private let wrapped: Wrapped

        /// The broker cannot be reached, or has no leader.
        public static let unavailable = Code(wrapped: .unavailable)
        /// No answer within the limit.
        public static let timedOut = Code(wrapped: .timedOut)
        /// The broker's permissions forbid it.
        public static let notPermitted = Code(wrapped: .notPermitted)
        /// The broker refuses the credentials, or TLS cannot be agreed.
        public static let authentication = Code(wrapped: .authentication)
        /// The stream does not exist (any more), or is another one.
        public static let streamGone = Code(wrapped: .streamGone)
        /// The durable consumer does not exist (any more).
        public static let consumerGone = Code(wrapped: .consumerGone)
        /// A setting of the stream or the durable consumer would lose events.
        public static let unsafeConfiguration = Code(wrapped: .unsafeConfiguration)
        /// The durable consumer belongs to another database.
        public static let storeMismatch = Code(wrapped: .storeMismatch)
        /// The message is larger than the broker takes.
        public static let tooLarge = Code(wrapped: .tooLarge)
        /// The stream has reached a limit.
        public static let full = Code(wrapped: .full)
        /// The request or its answer makes no sense: a bug, or a foreign broker.
        public static let invalid = Code(wrapped: .invalid)
        /// The log was closed by its owner.
        public static let closed = Code(wrapped: .closed)
        /// The broker is too old for it.
        public static let unsupported = Code(wrapped: .unsupported)

        /// The name of the code.
        public var description: String { wrapped.rawValue }
    }

    /// What kind of failure.
    public let code: Code
    /// What was attempted: `publish to shop.product.42`.
    public let attempted: String
    /// What went wrong, in words; never credentials, never payloads.
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

    /// Whether the same call may succeed later without anybody's help.
    public var isRetriable: Bool { [.unavailable, .timedOut, .full].contains(code) }

    /// What, why, and what to do.
    public var description: String {
        "could not \(attempted): \(reason)" + (advice.map { "\n\($0)" } ?? "")
    }
}
