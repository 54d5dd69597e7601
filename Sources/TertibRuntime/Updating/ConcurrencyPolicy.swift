/// How a read-modify-write of one row is kept from losing somebody else's update. All of them are right on every
/// database; they differ in who waits, who fails, and what the table needs.
public enum ConcurrencyPolicy: Hashable, Sendable {
    /// Nothing is compared or locked: the last writer wins. For measuring what the others prevent.
    case none
    /// Optimistic: the row has a column with a number, which must be the one that was read, and is raised by the write.
    case version(column: String)
    /// Optimistic: every column must be as it was read, NULL being equal to NULL. For tables without a version column.
    case allColumns
    /// Pessimistic: the row is locked when it is read, and whoever else wants it waits (`FOR UPDATE`).
    case forUpdate
    /// Pessimistic, and whoever else wants the row fails at once (`FOR UPDATE NOWAIT`).
    case forUpdateNoWait
    /// The whole transaction runs as if no other ran beside it; the database finds out when that is not so.
    case serializable

    /// Optimistic, by a column called `version`.
    public static let version = ConcurrencyPolicy.version(column: "version")

    /// `none`, `version`, `all-columns`, `for-update`, `nowait`, `serializable`.
    public var name: String {
        switch self {
        case .none: "none"
        case .version: "version"
        case .allColumns: "all-columns"
        case .forUpdate: "for-update"
        case .forUpdateNoWait: "nowait"
        case .serializable: "serializable"
        }
    }
}

/// What happens when somebody else was faster.
public enum ConflictReaction: Hashable, Sendable {
    /// ``UpdateConflict`` is thrown.
    case `throw`
    /// The whole closure runs again from the read, so that its checks see fresh data; at most so many times, with
    /// jitter. Then ``UpdateConflict`` is thrown.
    case retry(atMost: Int)

    /// Again, at most 20 times.
    public static let retry = ConflictReaction.retry(atMost: 20)
}

/// Somebody else has changed, locked or deleted the row in between. Nothing was written.
public struct UpdateConflict: Error, Hashable, Sendable, CustomStringConvertible {
    /// The table.
    public let table: String
    /// The policy that has found it.
    public let policy: String
    /// The version that was read; `nil` where the policy compares none.
    public let expected: Int64?
    /// The version that the row has; `nil` where the policy compares none, or the row is gone.
    public let actual: Int64?

    /// Creates a conflict.
    public init(table: String, policy: String, expected: Int64? = nil, actual: Int64? = nil) {
        self.table = table
        self.policy = policy
        self.expected = expected
        self.actual = actual
    }

    /// What was expected, and what was found.
    public var description: String {
        guard let expected else { return "a row of \(table) was changed by somebody else (\(policy))" }
        return "a row of \(table) has version \(actual.map(String.init) ?? "none: it is gone"), expected \(expected)"
    }
}
