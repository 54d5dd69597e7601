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
    /// How long a statement waits for a lock that somebody else holds, before it fails as a conflict.
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
