/// What a run of the chaos is asked for.
public struct ChaosOptions: Hashable, Sendable {
    /// Which database the replicas share.
    public enum Store: Hashable, Sendable {
        /// A file of SQLite's.
        case sqlite
        /// A PostgreSQL server of the run's own.
        case postgres
        /// A database of the run's own in a server that is there, by the URL of any of its databases.
        case server(url: String)
    }

    /// What load and faults are drawn from.
    public var seed: UInt64
    /// How long load and faults last.
    public var length: Duration
    /// About so many events are published, each counted once.
    public var events: Int
    /// How many replicas there are at the beginning and at the end; in between from 1 to 8.
    public var replicas: Int
    /// Which database they share.
    public var store: Store
    /// Whether the folder with databases and logs is left behind.
    public var keepsFiles: Bool
    /// The complete path of nats-server.
    public var broker: String
    /// The complete path of the program that has the verb ``LabWorker/verb``.
    public var program: String
    /// Where `PATH` is, for PostgreSQL's programs.
    public var environment: [String: String]

    /// At most so many replicas.
    public static let mostReplicas = 8

    /// Creates options.
    public init(
        seed: UInt64, length: Duration, events: Int, replicas: Int = 4, store: Store = .sqlite,
        keepsFiles: Bool = false,
        broker: String, program: String, environment: [String: String] = [:]
    ) {
        self.seed = seed
        self.length = length
        self.events = events
        self.replicas = replicas
        self.store = store
        self.keepsFiles = keepsFiles
        self.broker = broker
        self.program = program
        self.environment = environment
    }
}
