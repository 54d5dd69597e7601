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
    /// How many choices there were.
    public var steps: Int
    /// How long it took, in virtual time.
    public var duration: Duration
    /// What happened, a line each, with every step of every transaction; empty unless it was asked for.
    public var timeline: [String]
    /// What happened up to the first violation, without the single steps; empty unless it was asked for.
    public var story: [String]
}
