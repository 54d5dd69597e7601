#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif
public import TertibCore

/// An event to publish: what happened, before it has a version.
public struct NewEvent: Hashable, Sendable {
    /// What happened.
    public var type: EventType
    /// The payload: JSON of at most 64 levels.
    public var body: [UInt8]
    /// The shape of the payload.
    public var schemaRevision: Int
    /// The event's id; `nil` to mint one. Give one to make a retry of an append recognisable.
    public var id: EventID?
    /// Ids and trace context of what led to it; an event staged by a handler gets them from the handled event.
    public var causation: Causation

    /// Creates an event from JSON.
    /// - Throws: ``PublishingError`` with ``PublishingError/Code/invalidEvent`` when the body is not JSON, or nests too
    ///   deep.
    public init(
        type: EventType, json body: [UInt8], schemaRevision: Int = 1, id: EventID? = nil,
        causation: Causation = Causation()
    ) throws {
        do {
            try JSONScanner.check(body, depthLimit: WireCodec.depthLimit)
        } catch {
            throw PublishingError(
                .invalidEvent, attempted: "publish \(type)", reason: "the payload is not JSON: \(error)")
        }
        guard (1...999_999_999).contains(schemaRevision) else {
            throw PublishingError(
                .invalidEvent, attempted: "publish \(type)", reason: "schema revision \(schemaRevision) is below 1")
        }
        self.type = type
        self.body = body
        self.schemaRevision = schemaRevision
        self.id = id
        self.causation = causation
    }

    /// Creates an event from its payload.
    public init<Payload: DomainEvent>(
        _ payload: Payload, id: EventID? = nil, causation: Causation = Causation()
    ) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try self.init(
            type: try EventType(Payload.eventType), json: Array(try encoder.encode(payload)),
            schemaRevision: Payload.schemaRevision, id: id, causation: causation)
    }
}

/// Writes events into the outbox, in the caller's transaction.
struct Staging: Sendable {
    let codec: WireCodec
    let source: EventSource
    let publishes: [AggregateType: PublishingMode]
    let context: RuntimeContext

    /// Stages one event: a compare-and-set on the aggregate's head makes the versions contiguous.
    func stage(
        _ event: NewEvent, for aggregate: Aggregate, expecting expected: AggregateVersion?, cause: Causation,
        in transaction: any StoreTransaction
    ) throws -> AggregateVersion {
        try PublishingMode.outbox.check(aggregate, in: publishes, attempted: "stage \(event.type) for \(aggregate)")
        let head = try transaction.head(of: aggregate)
        let current = head?.version ?? .none
        if let expected, expected != current {
            throw VersionConflict(aggregate: aggregate, expected: expected, actual: current)
        }
        guard let version = current.next else {
            throw PublishingError(
                .versionsExhausted, attempted: "stage \(event.type) for \(aggregate)",
                reason: "it has the highest version")
        }
        let envelope = try envelope(for: event, aggregate: aggregate, version: version, cause: cause)
        var next = head ?? AggregateHead(aggregate: aggregate)
        next.version = version
        next.eventID = envelope.id
        guard try transaction.compareAndSetHead(head, to: next) else {
            if let expected { throw VersionConflict(aggregate: aggregate, expected: expected, actual: nil) }
            throw StoreError(
                .conflict, attempted: "stage \(event.type) for \(aggregate)", reason: "another writer was faster")
        }
        try transaction.insertOutbox(
            OutboxRow(
                aggregate: aggregate, version: version, eventID: envelope.id,
                stored: StoredEnvelope.encode(codec.encode(envelope)), stagedAt: try transaction.now()))
        return version
    }

    /// The envelope of a new event.
    func envelope(
        for event: NewEvent, aggregate: Aggregate, version: AggregateVersion, cause: Causation
    ) throws -> Envelope {
        let causation = Causation(
            correlationID: event.causation.correlationID ?? cause.correlationID,
            causationID: event.causation.causationID ?? cause.causationID,
            traceParent: event.causation.traceParent ?? cause.traceParent,
            traceState: event.causation.traceState ?? cause.traceState)
        return Envelope(
            id: try event.id ?? context.mintEventID(), source: source, type: event.type, aggregate: aggregate,
            version: version, time: context.time.wall, schemaRevision: event.schemaRevision, causation: causation,
            body: event.body)
    }
}

/// How a service writes the events of an aggregate type. A type has one mode, so that its versions have one fence.
public enum PublishingMode: String, Hashable, Sendable, CaseIterable {
    /// The database is the truth: events are staged with the state change, and relayed.
    case outbox
    /// The stream is the truth: events are appended with an expected version.
    case append

    /// Refuses an aggregate whose type this service does not write in this mode.
    func check(
        _ aggregate: Aggregate, in publishes: [AggregateType: PublishingMode], attempted: String
    ) throws(PublishingError) {
        switch publishes[aggregate.type] {
        case self: return
        case nil:
            throw PublishingError(
                .notOwner, attempted: attempted, reason: "this service does not publish \(aggregate.type)",
                advice: "Add \"\(aggregate.type)\": \"\(rawValue)\" to \"publishes\" in its configuration, if it is "
                    + "the only writer of that type.")
        case let other?:
            throw PublishingError(
                .wrongWay, attempted: attempted,
                reason: "this service publishes \(aggregate.type) by \(other.rawValue), not by \(rawValue)",
                advice: "One type is written one way: two ways would mint one version twice.")
        }
    }
}
