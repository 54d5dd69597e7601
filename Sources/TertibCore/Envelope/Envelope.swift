/// One domain event with its identity, version and causation: what the wire carries, decoded and checked.
public struct Envelope: Hashable, Sendable {
    /// The event's identity.
    public var id: EventID
    /// Who published it.
    public var source: EventSource
    /// What happened.
    public var type: EventType
    /// To which aggregate.
    public var aggregate: Aggregate
    /// The event's position in the aggregate's history, from 1.
    public var version: AggregateVersion
    /// When it happened, by the publisher's clock; foreign publishers may leave it out.
    public var time: Timestamp?
    /// The media type of the body: `application/json`, perhaps with parameters.
    public var dataContentType: String
    /// The shape of the payload, from 1.
    public var schemaRevision: Int
    /// Ids and trace context of what led to this event.
    public var causation: Causation
    /// The payload, byte for byte: well-formed JSON of at most 64 levels.
    public var body: [UInt8]

    /// Creates an envelope. The body is not looked at here; ``WireCodec`` checks it on the way in.
    public init(
        id: EventID, source: EventSource, type: EventType, aggregate: Aggregate, version: AggregateVersion,
        time: Timestamp? = nil, dataContentType: String = Envelope.json, schemaRevision: Int = 1,
        causation: Causation = Causation(), body: [UInt8]
    ) {
        self.id = id
        self.source = source
        self.type = type
        self.aggregate = aggregate
        self.version = version
        self.time = time
        self.dataContentType = dataContentType
        self.schemaRevision = schemaRevision
        self.causation = causation
        self.body = body
    }

    /// The media type of every payload: `application/json`.
    public static let json = "application/json"
}

/// What led to an event.
public struct Causation: Hashable, Sendable {
    /// The id that all events of one business conversation share.
    public var correlationID: EventID?
    /// The event that directly caused this one.
    public var causationID: EventID?
    /// The W3C `traceparent` of the moment of creation, written once.
    public var traceParent: String?
    /// The W3C `tracestate` of the moment of creation.
    public var traceState: String?

    /// Creates a causation.
    public init(
        correlationID: EventID? = nil, causationID: EventID? = nil, traceParent: String? = nil,
        traceState: String? = nil
    ) {
        self.correlationID = correlationID
        self.causationID = causationID
        self.traceParent = traceParent
        self.traceState = traceState
    }
}
