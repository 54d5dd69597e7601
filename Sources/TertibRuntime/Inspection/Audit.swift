public import TertibCore

/// What came of comparing the watermarks of one or several services with the stream.
public struct Audit: Hashable, Sendable {
    /// One aggregate of one consumer that is not where it should be.
    public struct Entry: Hashable, Sendable {
        /// The aggregate.
        public let aggregate: Aggregate
        /// The service.
        public let service: ServiceName
        /// The consumer.
        public let consumer: ConsumerName
        /// The watermark; 0 when there is none.
        public let version: AggregateVersion
        /// The highest well-formed version on the aggregate's subject; 0 when there is none.
        public let streamVersion: AggregateVersion
    }

    /// Different aggregates in the stream that a consumer consumes.
    public internal(set) var aggregates = 0
    /// Events read from the stream.
    public internal(set) var events = 0
    /// Aggregates, counted once a consumer, whose next event is still to be delivered or acknowledged: no fault.
    public internal(set) var lagging = 0
    /// The next event was acknowledged, and has not been applied.
    public internal(set) var behind: [Entry] = []
    /// A version is missing, and later ones were acknowledged: they wait for it.
    public internal(set) var gapped: [Entry] = []
    /// The watermark is above everything that the stream has or had.
    public internal(set) var ahead: [Entry] = []
    /// The event that was applied at the watermark is not the one that the stream has there.
    public internal(set) var forked: [Entry] = []
    /// Events were acknowledged, and there is no watermark at all.
    public internal(set) var missing: [Entry] = []

    /// Whether nothing is wrong.
    public var isOK: Bool { [behind, gapped, ahead, forked, missing].allSatisfy(\.isEmpty) }
}

/// What is wrong with one aggregate of one consumer.
enum AuditVerdict: Hashable, Sendable {
    /// Nothing: everything that the stream has is applied.
    case level
    /// The next event is still to come.
    case lagging
    case behind, gapped, ahead, forked, missing
}

/// What an audit knows about one aggregate of one consumer: the watermark, and what the stream says about it.
struct AuditFacts: Hashable, Sendable {
    /// An event of the stream.
    struct Landmark: Hashable, Sendable {
        var id: EventID
        var sequence: StreamSequence
    }

    /// The watermark; `nil` when there is none.
    var watermark: Watermark?
    /// The highest well-formed version on the subject.
    var highest: AggregateVersion = .none
    /// The canonical event, which is the one with the lowest sequence, at the watermark's version.
    var atWatermark: Landmark?
    /// The lowest sequence at which the next version stands.
    var next: StreamSequence?
    /// The lowest sequence at which any version above the watermark stands.
    var firstAbove: StreamSequence?
    /// Whether the watermark's event id is that of another version of this aggregate: then the row itself was changed,
    /// and its version is what counts.
    var isOfAnotherVersion = false
    /// Whether the stream has any message at the watermark's sequence.
    var isOccupied = false

    /// Takes note of a well-formed event of this aggregate. The order of calls does not matter.
    mutating func note(version: AggregateVersion, id: EventID, at sequence: StreamSequence) {
        let applied = watermark?.version ?? .none
        highest = max(highest, version)
        if sequence == watermark?.streamSequence { isOccupied = true }
        if version == applied, sequence < atWatermark?.sequence ?? StreamSequence(.max) {
            atWatermark = Landmark(id: id, sequence: sequence)
        }
        if version != applied, id == watermark?.eventID { isOfAnotherVersion = true }
        if version.follows(applied) { next = min(next ?? sequence, sequence) }
        if version > applied { firstAbove = min(firstAbove ?? sequence, sequence) }
    }

    /// Judges the aggregate.
    func verdict(_ consumer: AuditedPosition) -> AuditVerdict {
        guard let watermark else {
            guard let firstAbove else { return .level }
            return firstAbove <= consumer.floor ? .missing : .lagging
        }
        if let atWatermark, let applied = watermark.eventID, applied != atWatermark.id, !isOfAnotherVersion {
            return .forked
        }
        if watermark.version > highest { return isRemoved(watermark.streamSequence, consumer) ? .level : .ahead }
        guard let firstAbove else { return .level }
        if watermark.status == .quarantined { return .behind }
        let waitsForVersion = watermark.status == .gap || watermark.status == .stuck
        guard let next else { return waitsForVersion || firstAbove <= consumer.floor ? .gapped : .lagging }
        if next > consumer.floor { return .lagging }
        return waitsForVersion ? .gapped : .behind
    }

    /// Whether the watermark's event was there once, and age or an administrator has removed it.
    private func isRemoved(_ sequence: StreamSequence, _ consumer: AuditedPosition) -> Bool {
        guard consumer.isSameStream, sequence > .none else { return false }
        return sequence < consumer.first || (sequence <= consumer.last && !isOccupied)
    }
}

/// Where a consumer and its stream stood when its watermarks were read.
struct AuditedPosition: Hashable, Sendable {
    /// Everything at or below it was acknowledged before the watermarks were read.
    var floor: StreamSequence
    /// The first sequence of the stream.
    var first: StreamSequence
    /// The last sequence of the stream.
    var last: StreamSequence
    /// Whether the watermarks speak of this stream, and not of one of the same name that was there before.
    var isSameStream: Bool
}
