public import TertibRuntime

/// What keeps two updates of one row apart, and what happens when they meet.
public struct UpdateControl: Hashable, Sendable {
    /// What a conflict comes to.
    public enum Reaction: String, Hashable, Sendable, CaseIterable {
        /// It is thrown.
        case `throw`
        /// The closure runs again from the read.
        case retry
    }

    /// The policy.
    public let policy: ConcurrencyPolicy
    /// What a conflict comes to; without a policy there is none.
    public let reaction: Reaction

    /// Every policy with every reaction, and no control at all before them.
    public static let all = [
        ConcurrencyPolicy.none, .version, .allColumns, .forUpdate, .forUpdateNoWait, .serializable,
    ].flatMap { policy in Reaction.allCases.map { UpdateControl(policy: policy, reaction: $0) } }

    /// Whether it promises that nothing is lost.
    public var isPromise: Bool { policy != .none }

    /// More than any row of the lab has contenders, so that whoever is patient comes to his turn.
    private static let retryLimit = 200

    var onConflict: ConflictReaction {
        switch reaction {
        case .throw: .throw
        case .retry: .retry(atMost: Self.retryLimit)
        }
    }
}
