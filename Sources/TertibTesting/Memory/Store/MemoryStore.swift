import Synchronization
public import TertibRuntime
import TertibCore

/// A ``ConsumerStore`` in memory that isolates its transactions as a real database does, so that claims can be lost in
/// it, waits can happen, and deadlocks are found.
///
/// Transactions run at once, each body on a thread of its own. At ``Isolation/readCommitted`` each statement sees what
/// had committed when it began; a row that a transaction writes is locked until it ends; a comparison is made again on
/// what a neighbour has left; a circle of waits ends with ``StoreError/Code/conflict``; and a statement that fails ends
/// what is not guarded by a savepoint. Time comes from a ``TimeSource`` alone, and nothing depends on hashing.
///
/// A test can look into every step (``onStep``), block a transaction at it (``pause(before:nth:)``), and break things:
/// ``crash()``, ``setAvailable(_:)``, ``failNextCommit(_:)``.
public final class MemoryStore: ConsumerStore {
    /// How transactions are kept apart.
    public enum Isolation: Hashable, Sendable {
        /// As PostgreSQL's READ COMMITTED: row locks, statement snapshots, comparisons on the latest row.
        case readCommitted
        /// As SQLite with BEGIN IMMEDIATE: one writer at a time, in the order of their coming.
        case serial
    }

    private struct State {
        var calls = 0
        var running: Set<MemoryTransactionID> = []
        var end: StoreError?
        var onStep: (@Sendable (MemoryStep) throws -> Void)?
        var pauses: [MemoryPause] = []
    }

    private let database: MemoryDatabase
    private let state = Mutex(State())

    /// Creates a store on a database of its own.
    /// - Parameters:
    ///   - statements: What the SQL texts mean that will be run; any other fails as a statement. Those of
    ///     ``ConformanceSQL`` and of ``Handlers/replica`` are always known.
    ///   - time: The database's clock.
    public convenience init(
        isolation: Isolation = .readCommitted, statements: [String: MemoryStatement] = [:],
        time: any TimeSource = SystemTime()
    ) {
        let known = ConformanceSQL.meanings.merging(statements) { _, new in new }
        self.init(database: MemoryDatabase(isolation: isolation, statements: known, time: time))
    }

    init(database: MemoryDatabase) {
        self.database = database
    }

    /// Another store on the same database, as another replica has; with steps, pauses and a life of its own.
    public func replica() -> MemoryStore { MemoryStore(database: database) }

    /// Tells of each commit, rollback and wait for a lock, in any store on this database.
    public var changes: ChangeSignal { database.changes }

    /// How many transactions, of all stores on this database, wait for a lock that another holds.
    public var waitingTransactions: Int { database.waitingCount }

    // MARK: - ConsumerStore

    /// Does nothing: the tables are there.
    public func migrate() async throws {}

    /// Runs `body` in a transaction, on a thread of its own.
    public func transaction<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result {
        try await onOwnThread {
            try self.step(.begin, 0)
            let id = try self.begin()
            defer { self.end(id) }
            let transaction = MemoryTransaction(id: id, database: self.database) { try self.step($0, id) }
            do {
                let result = try body(transaction)
                try transaction.checkCommittable()
                try self.step(.commit, id)
                try self.database.commit(id)
                return result
            } catch {
                self.database.rollback(id)
                throw error
            }
        }
    }

    /// Runs `body` on a snapshot of what has committed, on a thread of its own.
    public func read<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreReader) throws -> Result
    ) async throws -> Result {
        try await onOwnThread {
            try self.step(.read, 0)
            return try body(MemoryReader(snapshot: try self.database.snapshot(), database: self.database))
        }
    }

    /// Waits for the transactions that run, and refuses new ones. Other stores on the database stay open.
    public func close() async {
        state.withLock { state in
            state.end = state.end ?? StoreError(.unavailable, attempted: "use the store", reason: "it is closed")
        }
        database.changes.notify()
        while true {
            let seen = database.changes.count
            if state.withLock({ $0.running.isEmpty }) || Task.isCancelled { return }
            await database.changes.change(after: seen)
        }
    }

    // MARK: - Faults

    /// What is called before each step, on the transaction's own thread: it may block that thread, or throw a
    /// ``StoreError`` in place of the step, such as at the n-th call.
    public var onStep: (@Sendable (MemoryStep) throws -> Void)? {
        get { state.withLock { $0.onStep } }
        set { state.withLock { $0.onStep = newValue } }
    }

    /// Blocks the `nth` transaction to come to `operation`, counted from now, until the pause is resumed.
    public func pause(before operation: MemoryOperation, nth: Int = 1) -> MemoryPause {
        let pause = MemoryPause(operation: operation, nth: nth)
        state.withLock { $0.pauses.append(pause) }
        return pause
    }

    /// Takes the database away from all its stores, or brings it back.
    public func setAvailable(_ isAvailable: Bool) { database.setAvailable(isAvailable) }

    /// Makes the next commit fail, of whichever store on this database; several are used up one by one.
    public func failNextCommit(_ fault: MemoryCommitFault) { database.add(fault) }

    /// Ends this replica: its transactions are rolled back where they are, and every call fails from now on.
    public func crash() {
        let running = state.withLock { state in
            state.end = StoreError(.unavailable, attempted: "use the store", reason: "the replica has crashed")
            return state.running.sorted()
        }
        for id in running { database.rollback(id) }
    }

    // MARK: - Steps

    private func step(_ operation: MemoryOperation, _ transaction: MemoryTransactionID) throws {
        let (hook, pause, step) = try state.withLock { state in
            if let end = state.end, transaction == 0 || !state.running.contains(transaction) { throw end }
            state.calls += 1
            let step = MemoryStep(operation: operation, transaction: transaction, call: state.calls)
            let pause = state.pauses.first { $0.isDue(at: operation) }
            if let pause { state.pauses.removeAll { $0 === pause } }
            return (state.onStep, pause, step)
        }
        try database.threads.step()
        try hook?(step)
        try pause?.block()
    }

    private func begin() throws -> MemoryTransactionID {
        let id = try database.begin()
        let end = state.withLock { state in
            state.running.insert(id)
            return state.end
        }
        do {
            if let end { throw end }
            try database.awaitTurn(of: id)
        } catch {
            self.end(id)
            throw error
        }
        return id
    }

    private func end(_ id: MemoryTransactionID) {
        database.rollback(id)
        state.withLock { _ = $0.running.remove(id) }
        database.changes.notify()
    }

    private func onOwnThread<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            database.threads.run { continuation.resume(with: Swift.Result { try body() }) }
        }
    }
}
