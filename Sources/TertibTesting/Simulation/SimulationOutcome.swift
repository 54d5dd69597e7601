/// What came of one run.
public struct SimulationOutcome: Sendable {
    /// The run, with every choice that was not plain: replaying it gives the same again.
    public var plan: SimulationPlan
    /// What the oracles found, the first first.
    public var violations: [Violation]
    /// How often each rare branch was met.
    public var branches: [RareBranch: Int]
    /// A hash over every choice, of how many, and when: two runs of one plan have the same.
    public var traceHash: UInt64
    /// How many calls there were to store and broker, while faults may happen.
    public var calls: SimulationCalls
    /// How many choices there were.
    public var steps: Int
    /// How long it took, in virtual time.
    public var duration: Duration
    /// What happened, a line each, with every step of every transaction; empty unless it was asked for.
    public var timeline: [String]
    /// What happened up to the first violation, without the single steps, and where an aggregate is judged without what
    /// concerns only others; empty unless it was asked for.
    public var story: [String]
}

/// How often a run called its store and its broker: each of these calls may be the one that fails.
public struct SimulationCalls: Hashable, Sendable {
    /// Steps of transactions, their beginnings and commits included.
    public var storeSteps = 0
    /// Commits.
    public var commits = 0
    /// Calls to the broker, fetches and answers to deliveries not counted.
    public var logCalls = 0
    /// Those of them that publish, and reach the broker.
    public var publishes = 0
    /// Fetches that were delivered something.
    public var fetches = 0
    /// Answers to deliveries, one for a group of them.
    public var answers = 0
}
