public import TertibTesting

/// What deaths at crash points have left behind; its JSON keys are stable.
public struct CrashReport: Hashable, Sendable, Codable {
    /// One process that died at a crash point, and one that went on.
    public struct Round: Hashable, Sendable, Codable {
        /// `sqlite` or `postgres`.
        public var store: String
        /// The crash point.
        public var point: String
        /// The how manieth time it was reached.
        public var count: Int
        /// Whether the first process came to the point, and died there.
        public var reached = false
        /// Events in the stream.
        public var events = 0
        /// What is not as it should be.
        public var violations: [Violation] = []
        /// How long it took.
        public var seconds = 0.0

        /// Whether the point was reached, and nothing is wrong.
        public var isRight: Bool { reached && violations.isEmpty }
    }

    /// What rounds and loads were drawn from.
    public var seed: UInt64
    /// Every round, in the order of points and stores.
    public var rounds: [Round]
    /// How long all of it took.
    public var seconds = 0.0

    /// How many rounds reached their point, and left nothing wrong.
    public var right: Int { rounds.count { $0.isRight } }
    /// Whether all did.
    public var isRight: Bool { right == rounds.count }
}
