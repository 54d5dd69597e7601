/// A finding of `doctor`.
public struct Finding: Hashable, Sendable {
    /// How much it matters.
    public enum Level: String, Hashable, Comparable, Sendable, CaseIterable {
        /// It does not work, or it will lose events.
        case fail
        /// It will bite some day.
        case warn
        /// Worth knowing.
        case info

        /// Ordered by weight, the heaviest first.
        public static func < (left: Level, right: Level) -> Bool { left.weight < right.weight }

        private var weight: Int {
            switch self {
            case .fail: 0
            case .warn: 1
            case .info: 2
            }
        }
    }

    /// How much it matters.
    public let level: Level
    /// A stable name of what was examined, such as `stream-discard`.
    public let check: String
    /// What was found, in words; never credentials, never payloads.
    public let message: String
    /// What to do about it, if there is something.
    public let advice: String?

    /// Creates a finding.
    public init(_ level: Level, _ check: String, _ message: String, advice: String? = nil) {
        self.level = level
        self.check = check
        self.message = message
        self.advice = advice
    }
}
