import TertibRuntime
import TertibCore

/// One database in memory, which the replicas of a service share.
///
/// `@unchecked Sendable`: `core` and the variables below it are touched under the guard of `threads` only.
final class MemoryDatabase: @unchecked Sendable {
    let isolation: MemoryStore.Isolation
    let statements: [String: MemoryStatement]
    let time: any TimeSource
    let changes = ChangeSignal()

    let threads: any MemoryThreads
    /// Is told what happens, under the guard.
    private let observer: (any MemoryObserver)?
    private let core = MemoryCore()
    private var isAvailable = true
    private var commitFaults: [MemoryCommitFault] = []

    init(
        isolation: MemoryStore.Isolation, statements: [String: MemoryStatement], time: any TimeSource,
        threads: any MemoryThreads = OwnThreads(), observer: (any MemoryObserver)? = nil
    ) {
        self.isolation = isolation
        self.statements = statements
        self.time = time
        self.threads = threads
        self.observer = observer
    }

    var waitingCount: Int { threads.guarded { core.locks.waitingCount } }

    /// What has committed.
    var committed: MemoryTableSet { threads.guarded { core.committed } }

    func setAvailable(_ isAvailable: Bool) {
        threads.guarded { self.isAvailable = isAvailable }
    }

    func add(_ fault: MemoryCommitFault) {
        threads.guarded { commitFaults.append(fault) }
    }

    // MARK: - Transactions

    /// Begins a transaction.
    func begin() throws -> MemoryTransactionID {
        try threads.guarded {
            try checkAvailable()
            return core.begin()
        }
    }

    /// Under one writer at a time: waits until it is this transaction's turn.
    func awaitTurn(of transaction: MemoryTransactionID) throws {
        guard isolation == .serial else { return }
        try threads.guarded { try take(.writer, for: transaction) }
    }

    func commit(_ transaction: MemoryTransactionID) throws(StoreError) {
        let failure = threads.guarded { () -> StoreError? in
            // Used up by this commit in any case, else it would meet another one.
            let fault = commitFaults.isEmpty ? nil : commitFaults.removeFirst()
            guard isAvailable, core.isAlive(transaction) else {
                end { core.rollback(transaction) }
                return Self.unavailable("commit")
            }
            switch fault {
            case nil, .unknown(isCommitted: true):
                let before = core.committed
                let written = observer == nil ? [] : core.written(by: transaction)
                end { core.commit(transaction) }
                observer?.committed(transaction, written: written, before: before, after: core.committed)
            case .unknown(isCommitted: false), .conflict, .refused: end { core.rollback(transaction) }
            }
            return fault?.error
        }
        if let failure { throw failure }
    }

    func rollback(_ transaction: MemoryTransactionID) {
        threads.guarded { end { core.rollback(transaction) } }
    }

    func snapshot() throws -> MemoryTableSet {
        try threads.guarded {
            try checkAvailable()
            return core.committed
        }
    }

    private func end(_ body: () -> Void) {
        body()
        threads.announce()
        changes.notify()
    }

    private func checkAvailable() throws(StoreError) {
        guard isAvailable else { throw Self.unavailable("reach the database") }
    }

    private static func unavailable(_ attempted: String) -> StoreError {
        StoreError(.unavailable, attempted: attempted, reason: "the database is away")
    }

    // MARK: - Statements

    /// Runs one statement: `body` sees what had committed when it began, and throws ``LockWait`` where it has to wait
    /// for a neighbour; then it runs again, on its own snapshot still, with the lock in hand.
    func statement<Result>(
        of transaction: MemoryTransactionID, _ body: (MemoryCore, MemoryTableSet) throws -> Result
    ) throws -> Result {
        try threads.guarded {
            try checkAvailable()
            let snapshot = core.committed
            let mark = core.mark(transaction)
            while true {
                guard core.isAlive(transaction) else { throw Self.unavailable("use a dropped transaction") }
                do {
                    let result = try body(core, snapshot)
                    release { core.releaseUnused(since: mark, of: transaction) }
                    return result
                } catch let wait as LockWait {
                    core.undoWrites(to: mark, of: transaction)
                    try take(wait.lock, for: transaction)
                } catch {
                    release { core.undo(to: mark, of: transaction) }
                    throw error
                }
            }
        }
    }

    func mark(_ transaction: MemoryTransactionID) -> MemoryCore.Mark {
        threads.guarded { core.mark(transaction) }
    }

    func undo(to mark: MemoryCore.Mark, of transaction: MemoryTransactionID) {
        threads.guarded { release { core.undo(to: mark, of: transaction) } }
    }

    /// Tells of a claim; under the guard.
    func tell(claim expected: [Watermark], won: [Aggregate: Watermark]) {
        observer?.claimed(expected, won: won, committed: core.committed)
    }

    private func release(_ body: () -> Void) {
        body()
        threads.announce()
    }

    /// Waits for a lock. The monitor is held on return, as on entry.
    private func take(_ lock: MemoryLock, for transaction: MemoryTransactionID) throws(StoreError) {
        if core.take(lock.key, in: lock.table, for: transaction) { return }
        guard core.locks.enqueue(lock, for: transaction) else {
            observer?.meetsDeadlock(transaction)
            throw StoreError(
                .conflict, attempted: "wait for a row of \(lock.table)", reason: "the wait would be a deadlock")
        }
        changes.notify()
        observer?.waits(transaction, for: lock)
        let isEnded = threads.wait { core.locks.owner(of: lock) == transaction || !core.isAlive(transaction) }
        guard !isEnded, core.isAlive(transaction) else {
            throw Self.unavailable("wait for a row of \(lock.table)")
        }
        core.noteTaken(lock, by: transaction)
    }
}

/// Thrown by a statement that needs a lock which a neighbour holds.
struct LockWait: Error {
    let lock: MemoryLock
}

extension MemoryCore {
    /// Takes a row's lock, or has the statement wait for it.
    func lock(_ key: MemoryKey, in table: MemoryTableName, for transaction: MemoryTransactionID) throws {
        guard take(key, in: table, for: transaction) else {
            throw LockWait(lock: MemoryLock(table: table, key: key))
        }
    }
}
