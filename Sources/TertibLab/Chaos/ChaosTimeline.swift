import Synchronization

/// What happened when, for the progress line and for the picture in the report.
public struct ChaosTimeline: Hashable, Sendable, Codable {
    /// A look at everything.
    public struct Sample: Hashable, Sendable, Codable {
        /// Seconds from the start of the load.
        public var at: Double
        /// Events in the stream, copies included.
        public var messages: Int
        /// Events applied.
        public var applied: Int
        /// Events not delivered, or not acknowledged; `nil` while the broker is away.
        public var lag: Int?
        /// Rows parked; `nil` while the database is away.
        public var parked: Int?
        /// Replicas that run.
        public var replicas: Int
    }

    /// One fault.
    public struct Mark: Hashable, Sendable, Codable {
        /// Which kind.
        public var kind: String
        /// Which replica; `nil` when it was not about one.
        public var replica: Int?
        /// Seconds from the start of the load.
        public var from: Double
        /// The same.
        public var to: Double
    }

    /// Looks, at even distances.
    public var samples: [Sample] = []
    /// Faults, by time.
    public var marks: [Mark] = []
    /// When the faults were over, in seconds from the start of the load.
    public var calmAt: Double?
    /// When everything was at rest.
    public var restAt: Double?

    /// At most so many samples are kept; beyond, every second one goes.
    static let mostSamples = 1200
    /// At most so many marks are kept.
    static let mostMarks = 4000

    mutating func add(_ sample: Sample) {
        samples.append(sample)
        guard samples.count > Self.mostSamples else { return }
        samples = samples.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element)
    }

    mutating func add(_ mark: Mark) {
        if marks.count < Self.mostMarks { marks.append(mark) }
    }
}

/// Where a run stands.
public struct ChaosProgress: Hashable, Sendable {
    /// What it is doing, in a few words.
    public var phase: String
    /// The newest look.
    public var sample: ChaosTimeline.Sample
    /// Faults so far.
    public var faults: Int
    /// Violations so far.
    public var violations: Int
}
