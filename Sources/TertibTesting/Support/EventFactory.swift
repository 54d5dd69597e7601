public import TertibCore

/// Makes events for tests: the same arguments give the same event, id included.
public struct EventFactory: Sendable {
    /// Maps envelopes to messages.
    public let codec: WireCodec
    /// The source of every event.
    public let source: EventSource

    /// Creates a factory of events in a namespace.
    public init(namespace: Namespace, source: EventSource) {
        codec = WireCodec(namespace: namespace)
        self.source = source
    }

    /// Creates a factory of events in a namespace, `shop` by default, from the source `/tests`.
    public init(namespace: String = "shop") throws(IdentityError) {
        self.init(namespace: try Namespace(namespace), source: try EventSource("/tests"))
    }

    /// The event of a version of an aggregate, such as `product/42`.
    /// - Parameters:
    ///   - id: The event's id; by default made of aggregate and version, so that a version has one event.
    ///   - type: The event's type; by default the aggregate's type and `changed`.
    ///   - data: The body; by default an object with the version.
    public func envelope(
        _ aggregate: Aggregate, version: AggregateVersion, id: EventID? = nil, type: EventType? = nil,
        data: String? = nil
    ) throws -> Envelope {
        Envelope(
            id: try id ?? Self.id(aggregate, version),
            source: source, type: try type ?? EventType("\(aggregate.type).changed"), aggregate: aggregate,
            version: version, time: Timestamp(microseconds: 1_772_366_400_000_000),
            body: Array((data ?? #"{"version":\#(version)}"#).utf8))
    }

    /// The id of the one event of a version. An aggregate's id may hold what an event's may not; then its spelling in
    /// the subject stands for it.
    private static func id(_ aggregate: Aggregate, _ version: AggregateVersion) throws -> EventID {
        let isPlain = aggregate.id.text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
        let name = isPlain ? aggregate.id.text : SubjectMapping.encode(aggregate.id)
        return try EventID("\(aggregate.type)/\(name)@\(version)")
    }

    /// The message of a version of an aggregate, as a publisher sends it.
    public func message(
        _ aggregate: Aggregate, version: AggregateVersion, id: EventID? = nil, type: EventType? = nil,
        data: String? = nil
    ) throws -> WireMessage {
        codec.encode(try envelope(aggregate, version: version, id: id, type: type, data: data))
    }

    /// The messages of the first `count` versions of an aggregate, in order.
    public func history(of aggregate: Aggregate, count: Int) throws -> [WireMessage] {
        var messages: [WireMessage] = []
        var version = AggregateVersion.first
        while messages.count < count {
            messages.append(try message(aggregate, version: version))
            guard let next = version.next else { break }
            version = next
        }
        return messages
    }
}
