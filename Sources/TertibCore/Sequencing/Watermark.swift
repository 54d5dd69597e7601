/// What a consumer knows about one aggregate: the last applied version, and what stands in the way of the next.
///
/// It is one row of `tertib_watermark`. ``revision`` rises with each write, so that a compare-and-set on version and
/// revision loses to any change, one of the status included.
public struct Watermark: Hashable, Sendable {
    /// The aggregate.
    public let aggregate: Aggregate
    /// The last applied version.
    public var version: AggregateVersion
    /// The id of the event at ``version``; `nil` before the first.
    public var eventID: EventID?
    /// The stream sequence of the event at ``version``: of its copies, that of the first of those that are known.
    public var streamSequence: StreamSequence
    /// How many rows are parked behind it.
    public var parked: Int
    /// What stands in the way of the next version.
    public var status: AggregateStatus
    /// The life of the consumer's state, raised by a rebuild.
    public var generation: Int
    /// Raised by each write.
    public var revision: Int64

    /// Creates a watermark; by default that of an aggregate of which nothing has been applied and no row exists.
    public init(
        aggregate: Aggregate, version: AggregateVersion = .none, eventID: EventID? = nil,
        streamSequence: StreamSequence = .none, parked: Int = 0, status: AggregateStatus = .ok, generation: Int = 1,
        revision: Int64 = 0
    ) {
        self.aggregate = aggregate
        self.version = version
        self.eventID = eventID
        self.streamSequence = streamSequence
        self.parked = parked
        self.status = status
        self.generation = generation
        self.revision = revision
    }

    /// Whether the database has a row for it. The first write gives a row the revision 1.
    public var exists: Bool { revision > 0 }

    /// Whether an arrival is the event at ``version`` once more, from an earlier place of the stream.
    func isPreceded(by copy: Arrival) -> Bool {
        copy.version == version && copy.envelope.id == eventID && copy.sequence < streamSequence
    }
}

/// What stands in the way of an aggregate's next version; of several, the later in this list wins.
public enum AggregateStatus: String, Hashable, Sendable, CaseIterable {
    /// Nothing.
    case ok
    /// The next version has not arrived, and later ones are parked.
    case gap
    /// A gap older than its limit.
    case stuck
    /// The next event's handler failed; it is tried again later.
    case retrying
    /// The next event is a dead letter; an operator decides.
    case quarantined
}

/// How an event's version stands to its aggregate's watermark.
public enum Verdict: Hashable, Sendable {
    /// At or below the watermark: no effect.
    case stale
    /// Directly above the watermark: apply.
    case next
    /// Higher: something is missing before it.
    case gap
    /// At the watermark, but another event: two writers minted one version. `isCanonical` when the event that was
    /// applied has the lower stream sequence, so that only the new one is wrong.
    case forked(isCanonical: Bool)

    /// Compares an event. Versions are compared by their distance, so the highest one cannot overflow.
    public init(
        version: AggregateVersion, eventID: EventID, sequence: StreamSequence, against watermark: Watermark
    ) {
        if version == watermark.version, let applied = watermark.eventID, applied != eventID {
            self = .forked(isCanonical: watermark.streamSequence < sequence)
        } else if version <= watermark.version {
            self = .stale
        } else if version.follows(watermark.version) {
            self = .next
        } else {
            self = .gap
        }
    }
}
