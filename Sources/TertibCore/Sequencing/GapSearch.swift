/// An aggregate whose next version is missing while later ones are parked.
public struct Gap: Hashable, Sendable {
    /// The aggregate.
    public let aggregate: Aggregate
    /// The last applied version.
    public let watermark: AggregateVersion
    /// The stream sequence of the event at ``watermark``: the missing ones stand behind it as a rule.
    public let watermarkSequence: StreamSequence
    /// The lowest parked version.
    public let lowestParked: AggregateVersion
    /// The lowest parked row's message (``StoredEnvelope``), whose pointer may name its predecessor.
    public let lowestStored: [UInt8]
    /// When its oldest row was parked.
    public let oldestParkedAt: Timestamp

    /// Creates a gap.
    public init(
        aggregate: Aggregate, watermark: AggregateVersion, watermarkSequence: StreamSequence,
        lowestParked: AggregateVersion, lowestStored: [UInt8], oldestParkedAt: Timestamp
    ) {
        self.aggregate = aggregate
        self.watermark = watermark
        self.watermarkSequence = watermarkSequence
        self.lowestParked = lowestParked
        self.lowestStored = lowestStored
        self.oldestParkedAt = oldestParkedAt
    }
}
