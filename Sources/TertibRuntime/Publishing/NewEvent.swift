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
