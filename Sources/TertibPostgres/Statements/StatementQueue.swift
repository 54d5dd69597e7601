import TertibRuntime
import TertibCore

/// Statements of a transaction that wait to be sent together with the next one whose result is needed.
///
/// Nothing of them is known to the server before that. Used on the thread of its connection only.
final class StatementQueue {
    /// One of them, and what it is for.
    struct Entry {
        let call: PreparedCall
        let purpose: Purpose
    }

    /// What a statement is for, in case that it fails.
    enum Purpose {
        /// A user's statement.
        case effect(String)
        /// A row of the outbox.
        case staging(AggregateVersion, Aggregate)
        /// Parked rows that have been applied.
        case draining(Aggregate)
    }

    /// A batch of the most deliveries has to fit in a few times.
    private static let countLimit = 512
    private static let sizeLimit = 1 << 20
    private var entries: [Entry] = []
    private var size = 0

    var isEmpty: Bool { entries.isEmpty }

    /// Whether it is time to send them: they are kept in memory, here and by libpq.
    var isFull: Bool { entries.count >= Self.countLimit || size >= Self.sizeLimit }

    func append(_ call: PreparedCall, for purpose: Purpose) {
        entries.append(Entry(call: call, purpose: purpose))
        size += call.size
    }

    /// Takes all of them.
    func take() -> [Entry] {
        defer { removeAll() }
        return entries
    }

    /// Forgets them: what they belong to is rolled back.
    func removeAll() {
        entries = []
        size = 0
    }
}

/// A statement that was enqueued has failed, and not the one that the caller has asked for.
struct QueuedFailure: Error {
    let purpose: StatementQueue.Purpose
    let failure: ServerFailure

    /// The failure in the words of what it was for.
    var error: StoreError {
        switch purpose {
        case .effect(let sql):
            return StoreError(failure, ofStatement: sql)
        case .draining(let aggregate):
            return StoreError(failure, attempted: "delete the parked events of \(aggregate)", isOwn: true)
        case .staging(let version, let aggregate):
            let attempted = "stage version \(version) of \(aggregate)"
            guard failure.state == "23505" else { return StoreError(failure, attempted: attempted, isOwn: true) }
            return StoreError(.statement, attempted: attempted, reason: "this version is staged already")
        }
    }
}
