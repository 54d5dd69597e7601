/// How an event's version stands to its aggregate's watermark.
public enum Verdict: Hashable, Sendable {
    /// At or below the watermark: no effect.
    case stale
    /// Directly above the watermark: apply.
    case next
    /// Higher: something is missing before it.
    case gap
    /// At the watermark, but another event: two writers minted one version. `isCanonical` when the event that was
    /// applied has the lower stream sequence, so that only the newcomer is wrong.
    case forked(isCanonical: Bool)

    /// Judges an event. Versions are compared by their distance, so the highest one cannot overflow.
    public init(
        version: AggregateVersion, eventID: EventID, sequence: StreamSequence, against watermark: Watermark
    ) {
        if version == watermark.version, let applied = watermark.eventID, applied != eventID,
            !PlantedBug.forkIgnored.isActive
        {
            self = .forked(isCanonical: watermark.streamSequence < sequence)
        } else if version == watermark.version, PlantedBug.staleIsStrictlyBelow.isActive {
            self = .gap
        } else if version <= watermark.version {
            self = PlantedBug.staleTreatedAsGap.isActive ? .gap : .stale
        } else if version.follows(watermark.version) {
            self = .next
        } else {
            self = .gap
        }
    }
}
