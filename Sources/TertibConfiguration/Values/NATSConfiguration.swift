/// How the service reaches NATS.
public struct NATSConfiguration: Hashable, Sendable {
    /// The servers to try, at least one.
    public let servers: [NATSServer]
    /// How the service proves who it is.
    public let authentication: NATSAuthentication
    /// TLS, which is then really required; `nil` when it is not asked for.
    public let tls: NATSTLS?
    /// What the subjects of replies begin with.
    public let inboxPrefix: String
    /// What the subjects of JetStream's API begin with.
    public let apiPrefix: String
}

/// How a service proves to NATS who it is.
public enum NATSAuthentication: Hashable, Sendable {
    /// Not at all.
    case none
    /// By a credentials file with a JWT and a seed; it is read again at each connect.
    case credentials(file: String)
    /// By an nkey: its public key, and a file with its seed, which is read again at each connect.
    case nkey(publicKey: String, seedFile: String)
    /// By a user name and a password.
    case password(user: String, password: Secret)
    /// By a token.
    case token(Secret)
}

/// The files that TLS uses.
public struct NATSTLS: Hashable, Sendable {
    /// The authorities to trust; `nil` for those of the system.
    public let caFile: String?
    /// The client's own certificate and key, both or neither.
    public let identity: Identity?

    /// A certificate and its key.
    public struct Identity: Hashable, Sendable {
        /// The certificate, with its chain.
        public let certificateFile: String
        /// Its private key.
        public let keyFile: String
    }
}
