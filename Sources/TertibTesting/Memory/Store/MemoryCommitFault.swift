import TertibRuntime

/// What goes wrong with a commit of a ``MemoryStore``.
public enum MemoryCommitFault: Hashable, Sendable {
    /// The connection ends during the commit: the caller gets ``StoreError/Code/commitUnknown``, whether or not it has
    /// committed.
    case unknown(isCommitted: Bool)
    /// The database rolls back instead: ``StoreError/Code/conflict``.
    case conflict
    /// The database refuses what the transaction has written, as a deferred constraint does:
    /// ``StoreError/Code/statement``.
    case refused

    var error: StoreError {
        switch self {
        case .unknown:
            StoreError(.commitUnknown, attempted: "commit", reason: "the connection ended during the commit")
        case .refused:
            StoreError(.statement, attempted: "commit", reason: "a constraint that is checked at the end is broken")
        case .conflict:
            StoreError(.conflict, attempted: "commit", reason: "the database rolled back instead")
        }
    }
}
