/// What a run of the chaos is asked for.
public struct ChaosOptions: Hashable, Sendable {
    /// What load and faults are drawn from.
    public var seed: UInt64
    /// How long load and faults last.
    public var length: Duration
    /// About so many events are published, each counted once.
    public var events: Int
    /// How many replicas there are at the beginning and at the end; in between from 1 to 8.
    public var replicas: Int
    /// Whether the folder with databases and logs is left behind.
    public var keepsFiles: Bool
    /// The complete path of nats-server.
    public var broker: String
    /// The complete path of the program that has the verb ``LabWorker/verb``.
    public var program: String

    /// At most so many replicas.
    public static let mostReplicas = 8

    /// Creates options.
    public init(
        seed: UInt64, length: Duration, events: Int, replicas: Int = 4, keepsFiles: Bool = false, broker: String,
        program: String
    ) {
        self.seed = seed
        self.length = length
        self.events = events
        self.replicas = replicas
        self.keepsFiles = keepsFiles
        self.broker = broker
        self.program = program
    }
}
