import TertibCore
import TertibRuntime
import TertibSQL

/// One transaction on one connection.
///
/// PostgreSQL refuses everything after a statement that has failed, up to the end of the transaction or of the
/// savepoint around it, and answers a `COMMIT` then with a rollback. So the first failure is kept, nothing is sent after
/// it, and the commit is refused here, whatever the body did with the error.
final class PostgresTransaction: TableTransaction {
    let runner: StatementRunner
    private(set) var infrastructureFailure: StoreError?
    /// What has failed since the innermost savepoint, and ended what that savepoint guards.
    private var failedStatement: StoreError?
    private var isOver = false
    /// Whether relays are to be notified.
    var hasStaged = false
    private var depth = 0
    /// Written before anything else is done.
    var pendingMarks = PendingMarks()
    /// Of the aggregates that are claimed.
    var parkedKnowledge = ParkedKnowledge()
    private let clock: ServerClock

    private init(_ runner: StatementRunner, _ clock: ServerClock) {
        self.runner = runner
        self.clock = clock
    }

    /// Begins, runs the body, commits.
    static func run<Result>(
        on runner: StatementRunner, isolation: Isolation = .readCommitted,
        _ body: (any StoreTransaction) throws -> Result
    ) throws -> Result {
        let transaction = PostgresTransaction(
            runner,
            try ServerClock.begin(runner, "\(isolation.rawValue) READ WRITE", attempted: "begin a transaction"))
        defer { transaction.isOver = true }
        do {
            let result = try body(transaction)
            try transaction.commit()
            return result
        } catch {
            transaction.rollback()
            throw error
        }
    }

    func now() throws -> Timestamp { clock.now }

    func execute(_ sql: String, arguments: [SQLValue]) throws -> Int {
        try perform("run \(sql.excerpt)", isOwn: false) { try runner.execute(user: sql, arguments: arguments) }
    }

    func enqueue(_ sql: String, arguments: [SQLValue]) throws {
        try perform("run \(sql.excerpt)", isOwn: false) { try runner.enqueue(user: sql, arguments: arguments) }
    }

    func settle() throws {
        try perform("run what was enqueued") { try runner.flush() }
    }

    func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow] {
        try perform("run \(sql.excerpt)", isOwn: false) { try runner.query(user: sql, arguments: arguments) }
    }

    func savepoint<Result>(_ body: () throws -> Result) throws -> Result {
        depth += 1
        defer { depth -= 1 }
        let name = "tertib_\(depth)"
        try perform("begin a savepoint") { try runner.run("SAVEPOINT \(name)") }
        do {
            let result = try body()
            // A failure that the body has swallowed still ended what the savepoint guards, and is thrown here.
            try perform("release a savepoint") { try runner.run("RELEASE SAVEPOINT \(name)") }
            return result
        } catch {
            guard runner.connection.isInTransaction || runner.connection.isInFailedTransaction else {
                throw infrastructureFailure ?? lost("undo a savepoint")
            }
            failedStatement = nil
            // What was collected before the savepoint has been written when it began.
            pendingMarks = PendingMarks()
            runner.queue.removeAll()
            parkedKnowledge = ParkedKnowledge()
            try perform("undo a savepoint", isOwn: true, isAllowedAfterFailure: true) {
                try runner.run("ROLLBACK TO SAVEPOINT \(name); RELEASE SAVEPOINT \(name)")
            }
            throw error
        }
    }

    /// Runs statements of the store's own; a failure is classified, and remembered.
    @discardableResult
    func perform<Result>(_ attempted: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
        try perform(attempted(), isOwn: true, body)
    }

    /// - Parameters:
    ///   - isOwn: Whether the statements are the store's own, and not a user's.
    ///   - isAllowedAfterFailure: Whether they undo a failure.
    @discardableResult
    private func perform<Result>(
        _ attempted: @autoclosure () -> String, isOwn: Bool, isAllowedAfterFailure: Bool = false,
        _ body: () throws -> Result
    ) throws -> Result {
        precondition(!isOver, "a transaction is valid only inside the closure it was given to")
        if let failedStatement { throw failedStatement }
        guard runner.connection.isInTransaction || isAllowedAfterFailure else {
            throw noted(infrastructureFailure ?? lost(attempted()))
        }
        do {
            try writeMarks()
            return try body()
        } catch {
            throw noted(StoreError(wrapping: error, attempted: attempted(), isOwn: isOwn))
        }
    }

    private func writeMarks() throws {
        guard !pendingMarks.isEmpty else { return }
        let marks = pendingMarks
        pendingMarks = PendingMarks()
        do {
            try write(marks)
        } catch {
            throw StoreError(wrapping: error, attempted: "mark staged events", isOwn: true)
        }
    }

    private func noted(_ failure: StoreError) -> StoreError {
        if failure.isInfrastructure {
            infrastructureFailure = infrastructureFailure ?? failure
        }
        // A statement that was refused before it was sent has done no harm.
        if !runner.connection.isInTransaction { failedStatement = failedStatement ?? failure }
        return failure
    }

    private func lost(_ attempted: String) -> StoreError {
        StoreError(
            .transactionLost, attempted: attempted,
            reason: failedStatement.map { "the transaction has ended before: \($0.reason)" }
                ?? "the transaction has ended before",
            advice: "A statement that may fail belongs into a savepoint; without one it ends the whole transaction.")
    }
}

extension PostgresTransaction {
    /// How a transaction is isolated from others.
    enum Isolation: String {
        case readCommitted = "READ COMMITTED"
        case serializable = "SERIALIZABLE"
    }

    private func commit() throws {
        if !pendingMarks.isEmpty || !runner.queue.isEmpty { try settle() }
        if let infrastructureFailure { throw infrastructureFailure }
        guard runner.connection.isInTransaction else { throw lost("commit") }
        let tag: String?
        do throws(ServerFailure) {
            try runner.connection.send(hasStaged ? "COMMIT; \(StagingNotice.send)" : "COMMIT", within: runner.limit)
        } catch {
            throw StoreError(commit: error)
        }
        do throws(ServerFailure) {
            tag = try runner.connection.receiveFirst(within: runner.limit)?.commandTag
        } catch {
            throw StoreError(commit: error)
        }
        // The server answers a COMMIT with ROLLBACK, and no error, when the transaction has failed before.
        guard tag == "COMMIT" else { throw lost("commit") }
    }

    /// Undoes everything, without hiding the error that led here.
    ///
    /// A connection on which that fails is not idle, so the pool closes it, and the server undoes everything.
    private func rollback() {
        runner.queue.removeAll()
        guard runner.connection.isInTransaction || runner.connection.isInFailedTransaction else { return }
        try? runner.run("ROLLBACK")
    }
}

/// The server's clock when a transaction began, moved on by this process's: no round trip.
struct ServerClock {
    private let server: Timestamp
    private let here = ContinuousClock.now

    var now: Timestamp { server.advanced(by: ContinuousClock.now - here) }

    /// Begins a transaction, and reads the clock in the same round trip.
    /// - Throws: ``NotBegun``.
    static func begin(_ runner: StatementRunner, _ mode: String, attempted: String) throws -> ServerClock {
        var microseconds: Int64?
        try NotBegun.wrapping(attempted) {
            let results = try runner.connection.run(
                """
                BEGIN ISOLATION LEVEL \(mode);
                SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
                """, within: runner.limit)
            microseconds = results.last?.text(0, 0).flatMap { Int64($0) }
        }
        guard let microseconds else {
            throw StoreError(.corrupt, attempted: attempted, reason: "the server has no clock")
        }
        return ServerClock(server: Timestamp(microseconds: microseconds))
    }
}
