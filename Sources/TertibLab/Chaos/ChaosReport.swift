import Foundation
public import TertibTesting

/// What a run of the chaos has shown; its JSON keys are stable.
public struct ChaosReport: Hashable, Sendable, Codable {
    /// What was done to the replicas, the network, the broker and the disk.
    public struct Faults: Hashable, Sendable, Codable {
        /// `kill -9` of a replica at any moment.
        public var kills = 0
        /// Replicas that ended themselves at a crash point, besides.
        public var crashes = 0
        /// `kill -9` at an acknowledgement, before the broker saw it.
        public var killsAtAcknowledgement = 0
        /// Handlers that ended their process.
        public var trappedHandlers = 0
        /// Replicas that could open no more files for a while.
        public var outOfDescriptors = 0
        /// Replicas that could have no more memory for a while.
        public var outOfMemory = 0
        /// SIGSTOP beyond the acknowledgement wait.
        public var pauses = 0
        /// SIGTERM of a replica in the middle of its work.
        public var terminations = 0
        /// SIGTERM of the broker.
        public var brokerRestarts = 0
        /// `kill -9` of the broker.
        public var brokerKills = 0
        /// Links cut.
        public var cuts = 0
        /// Links slowed down.
        public var slowLinks = 0
        /// Links stalled.
        public var stalls = 0
        /// Links left half open.
        public var halfOpenLinks = 0
        /// Acknowledgements that were swallowed.
        public var lostAcknowledgements = 0
        /// Changes of the number of replicas.
        public var scalings = 0
        /// Times the database's disk was full.
        public var fullDisks = 0
        /// Times the broker's disk was full, with a restart afterwards.
        public var brokerFullDisks = 0
        /// Immediate shutdowns of the database server.
        public var databaseRestarts = 0
        /// Replicas' connections that the database server has ended.
        public var backendKills = 0
        /// Connections cut at a `COMMIT`, right before or right after it reached the database.
        public var cutCommits = 0
        /// Times the database let in a few connections only.
        public var connectionLimits = 0
        /// Links to the database slowed down.
        public var slowDatabaseLinks = 0
        /// Copies of events that were published on purpose.
        public var duplicates = 0
        /// Aggregates with an event that can never be applied.
        public var poisonedAggregates = 0
        /// Aggregates with two events of one version.
        public var forks = 0
        /// Histories removed from the stream after they had been applied.
        public var trimmedHistories = 0
        /// Of these: removed by a purge of their subject.
        public var purgedHistories = 0
    }

    /// What the replicas did with their deliveries, as far as they could still say it.
    public struct Outcomes: Hashable, Sendable, Codable {
        /// Deliveries.
        public var delivered = 0
        /// Events applied.
        public var applied = 0
        /// Deliveries of events that were applied before.
        public var stale = 0
        /// Times a delivery waited in memory for its predecessor.
        public var held = 0
        /// Deliveries parked.
        public var parked = 0
        /// Events applied after they had been read from the stream.
        public var repaired = 0
        /// Events applied after they had been parked.
        public var drained = 0
        /// Claims lost to a neighbour.
        public var conflicts = 0
        /// Failures of handlers.
        public var failures = 0
        /// Events that became dead letters.
        public var deadLettered = 0
        /// Messages that JetStream has handed over, by the network's count.
        public var deliveries = 0
        /// Of these: not for the first time.
        public var redeliveries = 0
        /// Acknowledgements that were looked at while their replica was killed.
        public var acknowledgementsChecked = 0
        /// The most parked rows at one time.
        public var mostParked = 0
        /// The largest resident set of a replica, in megabytes.
        public var largestMegabytes = 0
        /// Starts of replicas that ended because database or broker were away.
        public var givenUp = 0
        /// Attempts of handlers.
        public var attempts = 0
        /// Messages of the stream beyond the first of their version.
        public var copies = 0
        /// How long some ordinary events took after the faults, without poisoned aggregates among them.
        public var secondsWithoutPoison = 0.0
        /// How long as many took with poisoned aggregates among them.
        public var secondsWithPoison = 0.0
        /// Lines of the replicas' logs that were looked through for what must not be there.
        public var logLines = 0
        /// Of these: lines about ids that are made to forge others.
        public var hostileLogLines = 0
    }

    /// What load and faults were drawn from.
    public var seed: UInt64
    /// How long load and faults were to last.
    public var minutes: Double
    /// How many replicas there were at the beginning and at the end.
    public var replicas: Int
    /// Which database they shared: `sqlite` or `postgres`.
    public var store: String
    /// Whether it was stopped before its end, by a signal: then only what was seen until then stands here.
    public var interrupted = false
    /// How many events were asked for; when the replicas are slower, there are fewer.
    public var plannedEvents: Int
    /// Different events in the stream.
    public var events = 0
    /// Aggregates in the stream.
    public var aggregates = 0
    /// What was done to them.
    public var faults = Faults()
    /// What became of the deliveries.
    public var outcomes = Outcomes()
    /// What is not as it should be; at most ``mostViolations``.
    public var violations: [Violation] = []
    /// How many violations there are in all.
    public var violationCount = 0
    /// What could not be run, and why.
    public var notRun: [String] = []
    /// How long after faults and load everything was at rest; `nil` when it never was.
    public var secondsToRest: Double?
    /// How long all of it took.
    public var seconds = 0.0
    /// The folder with databases and logs; only when they were kept.
    public var folder: String?

    /// At most so many violations are listed.
    public static let mostViolations = 50

    /// Creates the report of a run that has shown nothing yet.
    init(_ options: ChaosOptions) {
        seed = options.seed
        minutes = options.length / .seconds(60)
        replicas = options.replicas
        plannedEvents = options.events
        store = options.store == .sqlite ? "sqlite" : "postgres"
    }

    /// The report of a run that was stopped before it had shown anything.
    static func interrupted(_ options: ChaosOptions) -> ChaosReport {
        var report = ChaosReport(options)
        report.interrupted = true
        return report
    }

    /// What plays the same load and the same faults again. Somebody's server is to be filled in.
    public var command: String {
        "tertib-lab chaos --store \(store) --minutes \(minutes) --events \(plannedEvents) --replicas \(replicas) "
            + "--seed \(seed)"
    }

    /// Whether nothing is wrong.
    public var isRight: Bool { violationCount == 0 }

    mutating func add(_ more: [Violation]) {
        violationCount += more.count
        violations += more.prefix(max(0, Self.mostViolations - violations.count))
    }
}

extension ChaosReport {
    /// Writes every key, also where there is no value.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(seed, forKey: .seed)
        try container.encode(minutes, forKey: .minutes)
        try container.encode(replicas, forKey: .replicas)
        try container.encode(store, forKey: .store)
        try container.encode(interrupted, forKey: .interrupted)
        try container.encode(plannedEvents, forKey: .plannedEvents)
        try container.encode(events, forKey: .events)
        try container.encode(aggregates, forKey: .aggregates)
        try container.encode(faults, forKey: .faults)
        try container.encode(outcomes, forKey: .outcomes)
        try container.encode(violations, forKey: .violations)
        try container.encode(violationCount, forKey: .violationCount)
        try container.encode(notRun, forKey: .notRun)
        try container.encode(secondsToRest, forKey: .secondsToRest)
        try container.encode(seconds, forKey: .seconds)
        try container.encode(folder, forKey: .folder)
    }
}
