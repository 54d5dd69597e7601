/// One run, explicitly: every event, every disturbance, and, where they were recorded, every choice of the scheduler.
///
/// It prints and reads as JSON, and is the regression file of a run that failed. What it does not name is plain: choice
/// 0 of the scheduler goes on with whoever runs.
public struct SimulationPlan: Hashable, Sendable, Codable {
    /// A message that somebody else stores in the stream.
    public struct Event: Hashable, Sendable, Codable {
        /// What is special about it.
        public enum Kind: String, Hashable, Sendable, Codable {
            /// Nothing.
            case event
            /// It has the version of another event.
            case fork
            /// It breaks the wire contract, on the aggregate's subject, and has no version.
            case malformed
            /// It belongs to a type that the consumer does not take.
            case ignored
        }

        /// When, in milliseconds from the start.
        public var at: Int
        /// The aggregate, such as `product/2`.
        public var aggregate: String
        /// The version.
        public var version: Int
        /// What is special about it.
        public var kind: Kind?

        /// Creates an event.
        public init(at: Int, aggregate: String, version: Int, kind: Kind? = nil) {
            self.at = at
            self.aggregate = aggregate
            self.version = version
            self.kind = kind
        }
    }

    /// A transaction in which a replica stages events.
    public struct Staged: Hashable, Sendable, Codable {
        /// When, in milliseconds from the start.
        public var at: Int
        /// The replica, from 0.
        public var replica: Int
        /// The aggregate.
        public var aggregate: String
        /// How many events.
        public var count: Int
    }

    /// A call of a replica that appends events.
    public struct Appended: Hashable, Sendable, Codable {
        /// When, in milliseconds from the start.
        public var at: Int
        /// The replica, from 0.
        public var replica: Int
        /// The aggregate.
        public var aggregate: String
        /// How many events.
        public var count: Int
        /// Whether the caller expects the version that it knows, and gives the events their ids: then it calls again
        /// when it was not told what came of it.
        public var expects: Bool
    }

    /// An event whose handler fails.
    public struct Failing: Hashable, Sendable, Codable {
        /// When a handler fails.
        public enum Way: String, Hashable, Sendable, Codable {
            /// Before it has written anything.
            case beforeItsWrites
            /// Behind its writes, and only when its event was parked: in a drain, a retry or a repair.
            case whileParked
        }

        /// The aggregate.
        public var aggregate: String
        /// The version.
        public var version: Int
        /// How often; `nil` for always.
        public var times: Int?
        /// When; `nil` for behind its writes.
        public var way: Way?
    }

    /// The choices that were not plain, of one kind, by position.
    public struct Choices: Hashable, Sendable, Codable {
        /// Positions, in order.
        public var positions: [Int]
        /// What was chosen there.
        public var values: [Int]
    }

    // Named, so that a plan that lacks some can be read.
    enum CodingKeys: String, CodingKey {
        case options, events, staged, appended, failing, disturbances, schedule, broker
    }

    /// What the run is made of.
    public var options: SimulationOptions
    /// What others store.
    public var events: [Event]
    /// What the replicas stage.
    public var staged: [Staged]
    /// What the replicas append.
    public var appended: [Appended] = []
    /// Whose handlers fail.
    public var failing: [Failing]
    /// What goes wrong.
    public var disturbances: [Disturbance]
    /// Who goes on; `nil` to draw it from the seed.
    public var schedule: Choices?
    /// What the broker leaves to chance; `nil` to draw it from the seed.
    public var broker: Choices?
}

extension SimulationPlan.Choices {
    init(_ taken: [Int: Int]) {
        positions = taken.keys.sorted()
        values = positions.map { taken[$0] ?? 0 }
    }

    var script: [Int: Int] {
        Dictionary(zip(positions, values), uniquingKeysWith: { first, _ in first })
    }
}
