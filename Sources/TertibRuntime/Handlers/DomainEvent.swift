public import TertibCore

/// The payload of one type of domain event: a fact about one aggregate, in the past tense.
///
/// ```swift
/// struct ProductPriced: DomainEvent {
///     static let eventType = "product.priced"
///     var price: Int
/// }
/// ```
public protocol DomainEvent: Codable, Sendable {
    /// The name on the wire, such as `product.priced`: 1 to 256 bytes without control characters.
    static var eventType: String { get }

    /// The shape of this payload, from 1; 1 by default. An event with a higher one waits for newer code.
    static var schemaRevision: Int { get }
}

extension DomainEvent {
    /// The first shape.
    public static var schemaRevision: Int { 1 }
}

/// A domain event as a handler gets it: its identity, and its payload decoded.
public struct Event<Payload: DomainEvent>: Sendable {
    /// The identity, version and causation.
    public let envelope: Envelope
    /// The decoded payload.
    public let payload: Payload

    /// The event's id.
    public var id: EventID { envelope.id }
    /// The aggregate it is about.
    public var aggregate: Aggregate { envelope.aggregate }
    /// Its position in the aggregate's history.
    public var version: AggregateVersion { envelope.version }
    /// When it happened, by the publisher's clock.
    public var time: Timestamp? { envelope.time }
}
