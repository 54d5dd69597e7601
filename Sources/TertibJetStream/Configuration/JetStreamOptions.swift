public import TertibCore
public import TertibRuntime

/// How to reach a broker, and what is expected of the stream there.
public struct JetStreamOptions: Hashable, Sendable {
    /// URLs such as `nats://127.0.0.1:4222` or `tls://nats-0:4222`; never with a user or a password inside.
    public var servers: [String]
    /// The name of the stream.
    public var stream: StreamName
    /// The first token of every subject.
    public var namespace: Namespace
    /// How the client proves who it is.
    public var authentication: Authentication
    /// How the connection is protected.
    public var tls: TransportSecurity
    /// The first tokens of the subjects on which answers arrive. A user that may only subscribe to
    /// `_INBOX_orders.>` needs `_INBOX_orders` here.
    public var inboxPrefix: String
    /// The first tokens of JetStream's API; another one where the API is imported from another account.
    public var apiPrefix: String
    /// The name that the broker shows for this connection.
    public var clientName: String
    /// Whether the stream and its consumers are created or only checked.
    public var management: ManagementMode
    /// How many copies of the stream a cluster keeps.
    public var replicas: Int
    /// A stream that removes messages by age must keep them longer than this: the limit after which a gap is stuck.
    public var shortestMaximumAge: Duration
    /// How long to wait for the answer to a publish, a read or a request of JetStream's API.
    public var requestTimeout: Duration
    /// How long to wait for each server when connecting.
    public var connectTimeout: Duration
    /// How often the broker says that an idle pull request still lives; two missed ones lead to a look at the consumer.
    public var pullHeartbeat: Duration

    /// Creates options; see the properties for what each means.
    public init(
        servers: [String], stream: StreamName, namespace: Namespace, authentication: Authentication = .none,
        tls: TransportSecurity = TransportSecurity(), inboxPrefix: String = "_INBOX", apiPrefix: String = "$JS.API",
        clientName: String = "tertib", management: ManagementMode = .create, replicas: Int = 1,
        shortestMaximumAge: Duration = .seconds(600), requestTimeout: Duration = .seconds(5),
        connectTimeout: Duration = .seconds(2), pullHeartbeat: Duration = .seconds(5)
    ) {
        self.servers = servers
        self.stream = stream
        self.namespace = namespace
        self.authentication = authentication
        self.tls = tls
        self.inboxPrefix = inboxPrefix
        self.apiPrefix = apiPrefix
        self.clientName = clientName
        self.management = management
        self.replicas = replicas
        self.shortestMaximumAge = shortestMaximumAge
        self.requestTimeout = requestTimeout
        self.connectTimeout = connectTimeout
        self.pullHeartbeat = pullHeartbeat
    }
}
