public import TertibJetStream

/// How the service reaches NATS.
public struct NATSConfiguration: Hashable, Sendable {
    /// The servers to try, at least one.
    public let servers: [NATSServer]
    /// How the service proves who it is. Secrets stay in their files, whose paths are complete.
    public let authentication: Authentication
    /// Whether TLS is required, and with which files; their paths are complete.
    public let tls: TransportSecurity
    /// What the subjects of replies begin with.
    public let inboxPrefix: String
    /// What the subjects of JetStream's API begin with.
    public let apiPrefix: String
}
