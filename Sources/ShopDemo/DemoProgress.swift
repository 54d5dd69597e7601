/// Where a run of the demo stands.
public struct DemoProgress: Hashable, Sendable {
    /// What it is doing, in a few words.
    public var phase: String
    /// Events that the services have published.
    public var published: Int
    /// What became of the deliveries so far.
    public var outcomes: DemoReport.Outcomes
    /// What was done to the replicas so far.
    public var faults: DemoReport.Faults
    /// How long it has run.
    public var elapsed: Duration
}
