/// The result of comparing the watermarks of one or several services with the stream.
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

    /// Puts the entries in the order of service, consumer and aggregate.
    package mutating func sort() {
        func sort(_ entries: inout [Entry]) {
            entries.sort {
                if $0.service != $1.service { return $0.service < $1.service }
                return $0.consumer == $1.consumer ? $0.aggregate < $1.aggregate : $0.consumer < $1.consumer
            }
        }
        sort(&behind)
        sort(&gapped)
        sort(&ahead)
        sort(&forked)
        sort(&missing)
    }

    /// An audit without entries.
    package init() {}
}

/// A well-formed event of the stream, without its payload.
package struct ObservedEvent: Hashable, Sendable {
    package let aggregate: Aggregate
    package let version: AggregateVersion
    package let id: EventID
    package let sequence: StreamSequence

    package init(_ envelope: Envelope, at sequence: StreamSequence) {
        aggregate = envelope.aggregate
        version = envelope.version
        id = envelope.id
        self.sequence = sequence
    }
}

/// One stream, and the consumers that follow it.
package struct StreamAudit: Sendable {
    /// The stream as it was after the watermarks were read.
    package var state: StreamState
    /// The consumers, of all services.
    package var consumers: [ConsumerAudit] = []
    private var events = 0

    package init(_ state: StreamState) {
        self.state = state
    }

    /// How many sequences there are to read.
    package var sequences: UInt64 {
        state.lastSequence < state.firstSequence ? 0 : state.lastSequence.number - state.firstSequence.number + 1
    }

    /// Records events of the stream, in any order.
    package mutating func record(_ events: [ObservedEvent]) {
        self.events += events.count
        for index in consumers.indices {
            for event in events { consumers[index].record(event) }
        }
    }

    /// The places of the stream that have to be read from the leader once all events are recorded: those of watermarks
    /// above the stream's versions. There is nothing, where messages were removed, and another message, where the stream
    /// has lost its tail and used its sequences again.
    package var placesToVerify: [(consumer: Int, aggregate: Aggregate, sequence: StreamSequence)] {
        consumers.indices.flatMap { index in
            consumers[index].placesToVerify(state).map { (index, $0.aggregate, $0.sequence) }
        }
    }

    /// Adds the verdicts to an audit.
    package func close(into audit: inout Audit) {
        for consumer in consumers { consumer.close(state, into: &audit) }
        audit.aggregates += Set(consumers.flatMap(\.aggregatesInStream)).count
        audit.events += events
    }
}

/// What one consumer has, and what the stream has of it.
package struct ConsumerAudit: Sendable {
    package let service: ServiceName
    package let consumer: ConsumerName
    /// The aggregate types that it consumes; `nil` for all.
    private let types: Set<AggregateType>?
    /// The floor that the broker gave before the watermarks were read; `nil` when it has no such durable.
    private let durableFloor: StreamSequence?
    /// When the stream was created of which the watermarks speak; `nil` when the consumer has never run.
    package var streamCreatedAt: Timestamp?
    private var aggregates: [Aggregate: AggregateAudit] = [:]

    package init(
        service: ServiceName, consumer: ConsumerName, types: Set<AggregateType>?, durableFloor: StreamSequence?
    ) {
        self.service = service
        self.consumer = consumer
        self.types = types
        self.durableFloor = durableFloor
    }

    private func consumes(_ type: AggregateType) -> Bool { types?.contains(type) ?? true }

    /// Records watermarks, before any event.
    package mutating func record(_ watermarks: [Watermark]) {
        for watermark in watermarks where consumes(watermark.aggregate.type) {
            aggregates[watermark.aggregate] = AggregateAudit(watermark: watermark)
        }
    }

    mutating func record(_ event: ObservedEvent) {
        guard consumes(event.aggregate.type) else { return }
        aggregates[event.aggregate, default: AggregateAudit()].record(event)
    }

    /// Records what the leader has at the place of a watermark.
    package mutating func record(isOccupied: Bool, placeOf aggregate: Aggregate) {
        aggregates[aggregate]?.isOccupied = isOccupied
    }

    var aggregatesInStream: [Aggregate] { aggregates.filter { $0.value.highest > .none }.map(\.key) }

    fileprivate func placesToVerify(_ state: StreamState) -> [(aggregate: Aggregate, sequence: StreamSequence)] {
        aggregates.compactMap { aggregate, audit in
            guard let watermark = audit.watermark, watermark.version > audit.highest, !audit.isOccupied,
                watermark.streamSequence >= state.firstSequence, watermark.streamSequence <= state.lastSequence
            else { return nil }
            return (aggregate, watermark.streamSequence)
        }
    }

    fileprivate func close(_ state: StreamState, into audit: inout Audit) {
        // A consumer that has run and whose durable is gone has nothing to come; one that never ran, everything.
        let floor = durableFloor ?? (streamCreatedAt == nil ? .none : state.lastSequence)
        let position = AuditedPosition(
            floor: floor, first: state.firstSequence, last: state.lastSequence,
            isSameStream: streamCreatedAt == state.createdAt)
        for (aggregate, found) in aggregates {
            let entry = Audit.Entry(
                aggregate: aggregate, service: service, consumer: consumer, version: found.watermark?.version ?? .none,
                streamVersion: found.highest)
            switch found.verdict(position) {
            case .level: break
            case .lagging: audit.lagging += 1
            case .behind: audit.behind.append(entry)
            case .gapped: audit.gapped.append(entry)
            case .ahead: audit.ahead.append(entry)
            case .forked: audit.forked.append(entry)
            case .missing: audit.missing.append(entry)
            }
        }
    }
}

/// What is wrong with one aggregate of one consumer.
package enum AuditVerdict: Hashable, Sendable {
    /// Nothing: everything that the stream has is applied.
    case level
    /// The next event is still to come.
    case lagging
    case behind, gapped, ahead, forked, missing
}

/// One aggregate of one consumer: its watermark, and what the stream has of it.
struct AggregateAudit: Hashable, Sendable {
    /// An event and its place.
    struct EventPosition: Hashable, Sendable {
        var id: EventID
        var sequence: StreamSequence
    }

    /// The watermark; `nil` when there is none.
    var watermark: Watermark?
    /// The highest well-formed version on the subject.
    var highest: AggregateVersion = .none
    /// The canonical event, which is the one with the lowest sequence, at the watermark's version.
    var atWatermark: EventPosition?
    /// The lowest sequence at which the next version stands.
    var next: StreamSequence?
    /// The lowest sequence at which any version above the watermark stands.
    var firstAbove: StreamSequence?
    /// Whether the watermark's event id is that of another version of this aggregate: then the row itself was changed,
    /// and its version is what counts.
    var isOfAnotherVersion = false
    /// Whether the stream has any message at the watermark's sequence.
    var isOccupied = false

    /// Records a well-formed event of this aggregate. The order of calls does not matter.
    mutating func record(_ event: ObservedEvent) {
        let (version, id, sequence) = (event.version, event.id, event.sequence)
        let applied = watermark?.version ?? .none
        highest = max(highest, version)
        if sequence == watermark?.streamSequence { isOccupied = true }
        if version == applied, sequence < atWatermark?.sequence ?? StreamSequence(.max) {
            atWatermark = EventPosition(id: id, sequence: sequence)
        }
        if version != applied, id == watermark?.eventID { isOfAnotherVersion = true }
        if version.follows(applied) { next = min(next ?? sequence, sequence) }
        if version > applied { firstAbove = min(firstAbove ?? sequence, sequence) }
    }

    /// The verdict.
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
