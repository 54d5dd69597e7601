import Synchronization
public import TertibRuntime
import TertibCore

/// A service's database on a PostgreSQL server (12 or newer), which all its replicas share.
///
/// Every transaction names its isolation, whatever the server's default is: read committed. Transactions of several
/// replicas run side by side; rows that one of them has claimed are lost to the others, and none waits for another
/// replica's handler. A server with `synchronous_commit = off` is refused, because it could lose what was acknowledged.
///
/// Connections are opened when they are needed, up to ``PostgresOptions/connections``, and again after the server was
/// away: until it is back, every call fails as `unavailable`. Each connection has a thread of its own.
///
/// Safe to use from any task. Cancelling a task does not interrupt a transaction that it waits for. Tables are made in
/// the first schema of the role's `search_path`.
///
/// - Note: What the URL does not say, libpq takes from where it always does, such as `~/.postgresql/root.crt`. A
///   connection must keep its session between statements: a pooler between here and the server has to be in session
///   mode.
public final class PostgresStore: ConsumerStore {
    private let pool: ConnectionPool
    private let options: PostgresOptions
    /// The listeners; `nil` when the store is closed.
    private let listeners = Mutex<[ObjectIdentifier: StagingListener]?>([:])
    /// Whether the version of the tables has been looked at; once is enough, for it only rises by an upgrade.
    private let isChecked = Mutex(false)

    /// Creates a store, and connects to nothing yet.
    /// - Throws: ``StoreError`` with ``StoreError/Code/unsafeConfiguration`` when the URL cannot be read, or holds a
    ///   password.
    public init(options: PostgresOptions) throws(StoreError) {
        var withoutFile = options
        // The file is read when it is needed, and may come later than the store.
        withoutFile.passwordFile = nil
        _ = try ConnectionSettings(withoutFile)
        pool = ConnectionPool(options)
        self.options = options
    }

    /// Creates or upgrades the tables, in one transaction that one replica runs while the others wait for it.
    public func migrate() async throws {
        try await withSession("create or upgrade the tables") { runner in
            try Migrator(runner: runner).migrate()
        }
    }

    /// Runs `body` in one transaction at read committed, and commits.
    ///
    /// A statement that fails outside of a savepoint ends the transaction: nothing runs after it, and the commit is
    /// refused, even when the body has swallowed the error.
    public func transaction<Success: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Success
    ) async throws -> Success {
        try await checkTables()
        return try await withSession("begin a transaction") { runner in
            try PostgresTransaction.run(on: runner, body)
        }
    }

    /// Rows are locked one by one.
    public var locksRows: Bool { true }

    /// Runs `body` in one transaction at serializable, whatever the server's default.
    public func serializableTransaction<Success: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Success
    ) async throws -> Success {
        try await checkTables()
        return try await withSession("begin a transaction") { runner in
            try PostgresTransaction.run(on: runner, isolation: .serializable, body)
        }
    }

    /// Runs `body` on one snapshot (repeatable read, read only); statements that write are refused.
    public func read<Success: Sendable>(
        _ body: @escaping @Sendable (any StoreReader) throws -> Success
    ) async throws -> Success {
        try await checkTables()
        return try await withSession("read") { runner in try PostgresReader.run(on: runner, body) }
    }

    /// The server notifies.
    public var announcesStaging: Bool { true }

    /// Listens on a connection of its own, beside ``PostgresOptions/connections``; one that is lost is made again, and
    /// `staged` called once then.
    public func watchStaging(_ staged: @escaping @Sendable () -> Void) async {
        let listener = StagingListener(options, staged)
        let isOpen = listeners.withLock { listeners in
            listeners?[ObjectIdentifier(listener)] = listener
            return listeners != nil
        }
        guard isOpen else { return }
        await withTaskCancellationHandler {
            await listener.run()
        } onCancel: {
            listener.stop()
        }
        listeners.withLock { _ = $0?.removeValue(forKey: ObjectIdentifier(listener)) }
    }

    /// Closes the connections, after the transactions that run; listeners are stopped.
    public func close() async {
        let listening = listeners.withLock { listeners in
            defer { listeners = nil }
            return listeners?.values.map(\.self) ?? []
        }
        for listener in listening { listener.stop() }
        await pool.close()
    }

    private func checkTables() async throws {
        guard !isChecked.withLock({ $0 }) else { return }
        try await withSession("look at the tables") { runner in try Migrator(runner: runner).refuseNewer() }
        isChecked.withLock { $0 = true }
    }

    /// Runs `body` on a session of the pool; on another one when the session's server has gone before anything ran.
    private func withSession<Success: Sendable>(
        _ attempted: String, _ body: @escaping @Sendable (StatementRunner) throws -> Success
    ) async throws -> Success {
        while true {
            let loan = try await pool.borrow(attempted)
            let (outcome, isReusable) = await loan.session.run(body)
            await pool.giveBack(loan.session, isReusable: isReusable)
            // Every turn of the loop closes a session that was open before, and those are numbered.
            if case .failure(let error) = outcome, let notBegun = error as? NotBegun {
                if loan.isFresh || notBegun.error.code != .unavailable { throw notBegun.error }
                continue
            }
            return try outcome.get()
        }
    }
}

/// The first statement of a transaction has failed, so that nothing has run.
struct NotBegun: Error {
    let error: StoreError

    /// Runs what begins a transaction.
    static func wrapping(_ attempted: String, _ body: () throws -> Void) throws(NotBegun) {
        do {
            try body()
        } catch {
            throw NotBegun(error: StoreError(wrapping: error, attempted: attempted, isOwn: true))
        }
    }
}

/// How a ``PostgresStore`` reaches and uses its database.
public struct PostgresOptions: Hashable, Sendable {
    /// `postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full&sslrootcert=ca.pem`: a connection URI of libpq's,
    /// without a password.
    ///
    /// Where it does not say `sslmode`, a connection over a network is made with `verify-full` (TLS, the certificate and
    /// the host name checked), one to this machine with `prefer`.
    public var url: String
    /// A file whose first line is the password; read for every connection, so that a new one takes effect by itself.
    public var passwordFile: String?
    /// The password itself, where there is no file of it.
    public var password: PostgresPassword?
    /// How many connections are open at once, at most.
    public var connections: Int
    /// How long one attempt to connect may take; libpq counts whole seconds.
    public var connectTimeout: Duration
    /// How long a transaction or a read waits for one of the connections.
    public var acquireTimeout: Duration
    /// How long one statement may run. The server ends it then; a server that does not answer is given up a little
    /// later.
    public var statementTimeout: Duration
    /// How long a statement waits for a lock that another session holds, before it fails as a conflict.
    public var lockTimeout: Duration
    /// How long the server lets a transaction be open without a statement, before it ends it: a process that was halted
    /// in the middle must not hold its rows for ever.
    public var idleTransactionTimeout: Duration

    /// Creates options; there is at least one connection.
    public init(
        url: String, passwordFile: String? = nil, password: PostgresPassword? = nil, connections: Int = 8,
        connectTimeout: Duration = .seconds(5),
        acquireTimeout: Duration = .seconds(30), statementTimeout: Duration = .seconds(30),
        lockTimeout: Duration = .seconds(5), idleTransactionTimeout: Duration = .seconds(60)
    ) {
        self.url = url
        self.passwordFile = passwordFile
        self.password = password
        self.connections = max(1, connections)
        self.connectTimeout = connectTimeout
        self.acquireTimeout = acquireTimeout
        self.statementTimeout = statementTimeout
        self.lockTimeout = lockTimeout
        self.idleTransactionTimeout = idleTransactionTimeout
    }
}

/// A password. However it is printed, it is `<redacted>`.
public struct PostgresPassword: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    let text: String

    /// Keeps a password.
    public init(_ text: String) {
        self.text = text
    }

    /// `<redacted>`
    public var description: String { "<redacted>" }

    /// `<redacted>`
    public var debugDescription: String { description }

    /// Has no children.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
