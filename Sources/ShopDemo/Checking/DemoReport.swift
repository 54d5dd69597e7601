import Tertib

/// What a run of the demo has shown; its JSON keys are stable.
public struct DemoReport: Hashable, Sendable, Codable {
    /// What was published.
    public struct Events: Hashable, Sendable, Codable {
        /// Events that the three services published, each counted once.
        public var published = 0
        /// Events of the suppliers, each counted once.
        public var foreign = 0
    }

    /// What the services' replicas did with their deliveries, as far as they could still say it.
    public struct Outcomes: Hashable, Sendable, Codable {
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
        /// Claims lost to a neighbour.
        public var conflicts = 0
    }

    /// What was done to them.
    public struct Faults: Hashable, Sendable, Codable {
        /// `kill -9` of the services' replicas.
        public var kills = 0
        /// Messages that the hostile publisher stored a second time.
        public var duplicates = 0
        /// `kill -9` of the broker.
        public var brokerRestarts = 0
    }

    /// How a wrong way ended, or Tertib.
    public struct Outcome: Hashable, Sendable, Codable {
        /// Which wrong way.
        public var mode: String?
        /// Rows that were compared with their owner's.
        public var rows: Int
        /// Rows that differ.
        public var inconsistentRows: Int
        /// Deliveries that the broker had not been able to hand over for good.
        public var stuckEvents: Int?
        /// How long after the shop's rest that was counted.
        public var secondsAfterRest: Double?
    }

    /// What load and faults were drawn from.
    public var seed: UInt64
    /// How many processes each service had.
    public var replicas: Int
    /// Where they kept their data.
    public var store: DemoStore
    /// What was published.
    public var events: Events
    /// What became of the deliveries.
    public var outcomes: Outcomes
    /// What was done to them.
    public var faults: Faults
    /// Last write wins.
    public var baseline: Outcome
    /// The tutorials' check.
    public var tutorial: Outcome
    /// The shop itself.
    public var tertib: Outcome
    /// What is wrong with the shop, in words; empty when nothing is.
    public var problems: [String]
    /// Where databases and logs are; only when they were kept.
    public var folder: String?
    /// How long it took.
    public var seconds: Double

    /// Whether the shop is right.
    public var isRight: Bool { tertib.inconsistentRows == 0 && problems.isEmpty }

    /// Two lines for people.
    public var verdict: String {
        let restarts = faults.brokerRestarts == 1 ? "1 restart" : "\(faults.brokerRestarts) restarts"
        let shop =
            "\(tertib.inconsistentRows) of \(tertib.rows) rows differ from their owners' after \(faults.kills) kills, "
            + "\(restarts) of the broker and \(faults.duplicates) duplicates; "
            + (isRight ? "stock is conserved." : "problems: \(max(1, problems.count)).")
        let later = baseline.stuckEvents.map { $0 > 0 ? " (and \($0) deliveries to come)" : "" } ?? ""
        let wait = tutorial.secondsAfterRest.map { " \(Int($0.rounded())) seconds later" } ?? ""
        let others =
            "last write wins leaves \(baseline.inconsistentRows) of \(baseline.rows) rows wrong\(later); the tutorials' "
            + "check leaves \(tutorial.inconsistentRows) of \(tutorial.rows) wrong and \(tutorial.stuckEvents ?? 0) "
            + "deliveries stuck\(wait)."
        return "With Tertib: \(shop)\nWithout: \(others)"
    }
}

/// Seconds as the report has them.
enum Seconds {
    /// With two digits after the point.
    static func rounded(_ duration: Duration) -> Double {
        (duration / .milliseconds(10)).rounded() / 100
    }
}

extension DemoReport.Outcomes {
    /// Those of all replicas.
    init(_ counts: ConsumerCounts) {
        self.init()
        applied = counts.applied
        stale = counts.stale
        held = counts.held
        parked = counts.parked
        repaired = counts.repaired
        conflicts = counts.conflicts
    }
}
