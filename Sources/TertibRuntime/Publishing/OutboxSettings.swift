/// How the relay works.
public struct OutboxSettings: Hashable, Sendable {
    /// At most so many aggregates are published at once, one event of each.
    public var inFlight: Int
    /// How long published rows are kept, so that what a broker loses can be published again.
    public var hold: Duration
    /// How often the outbox is looked at without being told that something was staged.
    public var pollInterval: Duration

    /// Creates settings.
    public init(
        inFlight: Int = 1024, hold: Duration = .seconds(600), pollInterval: Duration = .milliseconds(400)
    ) {
        self.inFlight = inFlight
        self.hold = hold
        self.pollInterval = pollInterval
    }
}
