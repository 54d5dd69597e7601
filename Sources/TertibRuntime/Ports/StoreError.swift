/// Why a store could not do what was asked.
public struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure. More may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case conflict, unavailable, commitUnknown, transactionLost, statement, forbiddenStatement, schema, corrupt
            case unsafeConfiguration
        }
        private let wrapped: Wrapped

        /// Another transaction was faster: busy, deadlock, serialization failure, lock not available. Nothing was written.
        public static let conflict = Code(wrapped: .conflict)
        /// The database cannot be reached, or is full. Nothing was written.
        public static let unavailable = Code(wrapped: .unavailable)
        /// The connection ended during the commit: it may or may not be written.
        public static let commitUnknown = Code(wrapped: .commitUnknown)
        /// The transaction ended under the caller's feet (a trigger's rollback, an aborted transaction).
        public static let transactionLost = Code(wrapped: .transactionLost)
        /// The statement failed: syntax, a constraint, a type.
        public static let statement = Code(wrapped: .statement)
        /// The statement would control the transaction.
        public static let forbiddenStatement = Code(wrapped: .forbiddenStatement)
        /// The tables are missing, or newer than this code.
        public static let schema = Code(wrapped: .schema)
        /// What is stored cannot be read back.
        public static let corrupt = Code(wrapped: .corrupt)

        /// The database, or how it is to be reached, is set up in a way that would break a promise.
        public static let unsafeConfiguration = Code(wrapped: .unsafeConfiguration)

        /// The name of the code.
        public var description: String { wrapped.rawValue }
    }

    /// What kind of failure.
    public let code: Code
    /// What was attempted.
    public let attempted: String
    /// What went wrong, in words; never argument values.
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

    /// Whether it is the database's state and not the statement that failed: never counted against an event.
    public var isInfrastructure: Bool {
        [.conflict, .unavailable, .commitUnknown, .transactionLost].contains(code)
    }

    /// Whether the same call may succeed later without anybody's help.
    public var isRetriable: Bool { [.conflict, .unavailable, .commitUnknown].contains(code) }

    /// What, why, and what to do.
    public var description: String {
        "could not \(attempted): \(reason)" + (advice.map { "\n\($0)" } ?? "")
    }
}
