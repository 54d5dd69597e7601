/// What a run of the demo is asked for.
public struct DemoOptions: Hashable, Sendable {
    /// How many processes each service has.
    public var replicas: Int
    /// At least so many events do the services publish between them.
    public var events: Int
    /// What load and faults are drawn from.
    public var seed: UInt64
    /// Whether the folder with databases and logs is left behind.
    public var keepsFiles: Bool
    /// The folder of the shop's programs.
    public var programFolder: String
    /// The complete path of nats-server.
    public var broker: String
    /// Where the services keep their data.
    public var store: DemoStore
    /// Where `PATH` is, in which PostgreSQL's programs are looked for, too.
    public var environment: [String: String]

    /// Creates options.
    public init(
        replicas: Int = 4, events: Int = 5000, seed: UInt64, keepsFiles: Bool = false, programFolder: String,
        broker: String, store: DemoStore = .sqlite, environment: [String: String] = [:]
    ) {
        self.replicas = replicas
        self.events = events
        self.seed = seed
        self.keepsFiles = keepsFiles
        self.programFolder = programFolder
        self.broker = broker
        self.store = store
        self.environment = environment
    }
}
