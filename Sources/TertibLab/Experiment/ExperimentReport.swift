/// One cell of the experiment, as it was measured.
public struct ExperimentCell: Hashable, Sendable, Codable {
    /// How the copies were kept.
    public var mode: ExperimentMode
    /// What went wrong.
    public var profile: FaultProfile
    /// How many processes shared the work.
    public var replicas: Int
    /// Events of the owner.
    public var events: Int
    /// Rows of the owner.
    public var rows: Int
    /// Rows of the copy that differ from the owner's, at rest.
    public var inconsistentRows = 0
    /// Events that were never applied.
    public var lostEvents = 0
    /// Events applied again, each time counted.
    public var appliedTwice = 0
    /// Aggregates with an event that was not applied.
    public var stuckAggregates = 0
    /// Deliveries that come again for ever.
    public var stuckDeliveries = 0
    /// Messages handed over again, for each event.
    public var redeliveriesPerEvent = 0.0
    /// Seconds from the last publish to rest; `nil` when it did not come to rest.
    public var secondsToRest: Double?

    /// How long a refused event waits for its redelivery.
    static let redelivery: Duration = .milliseconds(200)
    /// How long the broker waits for an acknowledgement.
    static let acknowledgementWait: Duration = .seconds(1)
}

extension ExperimentCell {
    /// Writes every key, also where there is no value.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(mode, forKey: .mode)
        try container.encode(profile, forKey: .profile)
        try container.encode(replicas, forKey: .replicas)
        try container.encode(events, forKey: .events)
        try container.encode(rows, forKey: .rows)
        try container.encode(inconsistentRows, forKey: .inconsistentRows)
        try container.encode(lostEvents, forKey: .lostEvents)
        try container.encode(appliedTwice, forKey: .appliedTwice)
        try container.encode(stuckAggregates, forKey: .stuckAggregates)
        try container.encode(stuckDeliveries, forKey: .stuckDeliveries)
        try container.encode(redeliveriesPerEvent, forKey: .redeliveriesPerEvent)
        try container.encode(secondsToRest, forKey: .secondsToRest)
    }
}

/// The experiment: replicas x mode x fault profile.
public struct ExperimentReport: Hashable, Sendable, Codable {
    /// What load and faults were drawn from.
    public var seed: UInt64
    /// Events of each cell.
    public var events: Int
    /// The cells, in the order in which they were run.
    public var cells: [ExperimentCell] = []
    /// How long all of it took.
    public var seconds = 0.0

    /// Whether no cell of Tertib has anything wrong.
    public var isRight: Bool {
        cells.allSatisfy { cell in
            cell.mode != .tertib
                || (cell.inconsistentRows == 0 && cell.lostEvents == 0 && cell.appliedTwice == 0
                    && cell.stuckAggregates == 0 && cell.secondsToRest != nil)
        }
    }

    /// The cells of a mode and a profile, by replicas.
    public func row(_ mode: ExperimentMode, _ profile: FaultProfile) -> [ExperimentCell] {
        cells.filter { $0.mode == mode && $0.profile == profile }.sorted { $0.replicas < $1.replicas }
    }

    /// The profiles that were run, in the order of their definition.
    public var profiles: [FaultProfile] {
        FaultProfile.allCases.filter { profile in cells.contains { $0.profile == profile } }
    }
}

/// What the experiment is asked for.
public struct ExperimentOptions: Hashable, Sendable {
    /// The numbers of replicas.
    public var replicas: [Int]
    /// The fault profiles.
    public var profiles: [FaultProfile]
    /// What load and faults are drawn from.
    public var seed: UInt64
    /// Events of each cell.
    public var events: Int
    /// The complete path of nats-server.
    public var broker: String
    /// The complete path of the program that has the verb ``LabWorker/verb``.
    public var program: String

    /// Creates options.
    public init(
        replicas: [Int], profiles: [FaultProfile], seed: UInt64, events: Int, broker: String, program: String
    ) {
        self.replicas = replicas
        self.profiles = profiles
        self.seed = seed
        self.events = events
        self.broker = broker
        self.program = program
    }
}

/// Where the experiment stands.
public struct ExperimentProgress: Hashable, Sendable {
    /// Cells done.
    public var done: Int
    /// Cells in all.
    public var total: Int
    /// The cell that runs, in words.
    public var cell: String
}

extension ExperimentReport {
    /// The picture, as SVG.
    public var picture: String { ExperimentPlot(report: self).document }

    /// The page of the documentation, in Markdown.
    /// - Parameter picture: where the picture is, as seen from the page.
    public func page(picture: String) -> String { ExperimentPage(report: self, picture: picture).document }
}
