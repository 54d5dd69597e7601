/// Maps envelopes to messages and back: CloudEvents 1.0, NATS binding, binary mode, with the extension
/// `ce-aggregateversion`.
///
/// Source: CloudEvents specification 1.0, and its NATS protocol binding, working draft 1.0.3 (section 3.1, binary
/// content mode; 1.0.2 has structured mode only).
public struct WireCodec: Hashable, Sendable {
    /// How aggregates map to subjects.
    public let mapping: SubjectMapping

    /// The deepest nesting of a body.
    public static let depthLimit = 64

    /// Creates the codec of a namespace.
    public init(namespace: Namespace) {
        mapping = SubjectMapping(namespace: namespace)
    }

    /// The message that carries an envelope, without the broker's own headers.
    public func encode(_ envelope: Envelope) -> WireMessage {
        var headers = [
            HeaderField(Header.specVersion, "1.0"),
            HeaderField(Header.id, HeaderValue.encode(envelope.id.text)),
            HeaderField(Header.source, HeaderValue.encode(envelope.source.text)),
            HeaderField(Header.type, HeaderValue.encode(envelope.type.text)),
            HeaderField(Header.aggregateVersion, envelope.version.description),
            HeaderField(Header.dataContentType, HeaderValue.encode(envelope.dataContentType)),
        ]
        func add(_ name: String, _ value: String?) {
            if let value { headers.append(HeaderField(name, HeaderValue.encode(value))) }
        }
        add(Header.time, envelope.time?.description)
        if envelope.schemaRevision != 1 { add(Header.schemaRevision, String(envelope.schemaRevision)) }
        add(Header.correlationID, envelope.causation.correlationID?.text)
        add(Header.causationID, envelope.causation.causationID?.text)
        add(Header.traceParent, envelope.causation.traceParent)
        add(Header.traceState, envelope.causation.traceState)
        return WireMessage(
            subject: mapping.subject(of: envelope.aggregate), headers: headers, body: envelope.body)
    }

    /// Checks and decodes a message.
    /// - Throws: ``MalformedReason``: the message breaks the contract, and no later attempt can change that.
    public func decode(_ message: WireMessage) throws(MalformedReason) -> Envelope {
        let aggregate = try mapping.aggregate(of: message.subject)
        let headers = HeaderReader(message: message)
        let specVersion = try headers.required(Header.specVersion)
        guard specVersion == "1.0" else {
            throw MalformedReason(.header, "\(Header.specVersion) is not 1.0")
        }
        let id: EventID = try headers.identity(Header.id)
        let source: EventSource = try headers.identity(Header.source)
        let type: EventType = try headers.identity(Header.type)
        guard let version = AggregateVersion(wire: try headers.required(Header.aggregateVersion)) else {
            throw MalformedReason(.header, "\(Header.aggregateVersion) is not a whole number from 1 to 2^53 - 1")
        }
        let contentType = try headers.optional(Header.dataContentType) ?? Envelope.json
        try Self.checkContentType(contentType)
        let envelope = Envelope(
            id: id, source: source, type: type, aggregate: aggregate, version: version,
            time: try headers.time(), dataContentType: contentType, schemaRevision: try headers.schemaRevision(),
            causation: Causation(
                correlationID: try headers.optionalIdentity(Header.correlationID),
                causationID: try headers.optionalIdentity(Header.causationID),
                traceParent: headers.hint(Header.traceParent), traceState: headers.hint(Header.traceState)),
            body: message.body)
        do {
            try JSONScanner.check(message.body, depthLimit: Self.depthLimit)
        } catch {
            throw MalformedReason(.body, "the body is not JSON: \(error)")
        }
        return envelope
    }

    private static func checkContentType(_ value: String) throws(MalformedReason) {
        let mediaType = value.prefix { $0 != ";" }.lowercased()
        guard mediaType.drop(while: { $0 == " " }).prefix(while: { $0 != " " }) == Envelope.json else {
            throw MalformedReason(.header, "\(Header.dataContentType) is not application/json")
        }
    }
}

/// The names of the headers.
public enum Header {
    static let specVersion = "ce-specversion"
    /// The event's id.
    public static let id = "ce-id"
    static let source = "ce-source"
    static let type = "ce-type"
    static let time = "ce-time"
    static let dataContentType = "ce-datacontenttype"
    /// The aggregate's version.
    public static let aggregateVersion = "ce-aggregateversion"
    static let schemaRevision = "ce-schemarevision"
    static let correlationID = "ce-correlationid"
    static let causationID = "ce-causationid"
    static let traceParent = "ce-traceparent"
    static let traceState = "ce-tracestate"
    /// JetStream's duplicate detection: the event id when we publish, ignored when we read.
    public static let messageID = "Nats-Msg-Id"
    /// JetStream's expectation of the subject's last sequence; stored and delivered with the message, so that it
    /// points at the aggregate's previous event.
    public static let expectedLastSubjectSequence = "Nats-Expected-Last-Subject-Sequence"
}

/// Reads header values with the checks that the contract asks for.
private struct HeaderReader {
    let message: WireMessage

    func required(_ name: String) throws(MalformedReason) -> String {
        let values = message.values(of: name)
        guard let value = values.first else { throw MalformedReason(.header, "\(name) is missing") }
        guard values.count == 1 else { throw MalformedReason(.header, "\(name) is there \(values.count) times") }
        return try decoded(value, name)
    }

    func optional(_ name: String) throws(MalformedReason) -> String? {
        guard let value = message.values(of: name).first else { return nil }
        return try decoded(value, name)
    }

    func identity<Identity: BytewiseText>(_ name: String) throws(MalformedReason) -> Identity {
        try checked(try required(name), name)
    }

    func optionalIdentity(_ name: String) throws(MalformedReason) -> EventID? {
        guard let text = try optional(name) else { return nil }
        return try checked(text, name)
    }

    func time() throws(MalformedReason) -> Timestamp? {
        guard let text = try optional(Header.time) else { return nil }
        guard let time = Timestamp(rfc3339: text) else {
            throw MalformedReason(.header, "\(Header.time) is not an RFC 3339 time")
        }
        return time
    }

    func schemaRevision() throws(MalformedReason) -> Int {
        guard let text = try optional(Header.schemaRevision) else { return 1 }
        guard text.utf8.count <= 9, let version = AggregateVersion(wire: text) else {
            throw MalformedReason(.header, "\(Header.schemaRevision) is not a whole number from 1 to 999999999")
        }
        return Int(version.number)
    }

    /// A header that only helps to observe: an unreadable one is left out, as W3C Trace Context (section 4.3) asks.
    func hint(_ name: String) -> String? {
        guard let value = message.values(of: name).first, let text = HeaderValue.decode(value),
            (try? EventID(text)) != nil
        else { return nil }
        return text
    }

    private func decoded(_ value: [UInt8], _ name: String) throws(MalformedReason) -> String {
        guard let text = HeaderValue.decode(value) else { throw MalformedReason(.header, "\(name) is not UTF-8") }
        return text
    }

    private func checked<Identity: BytewiseText>(_ text: String, _ name: String) throws(MalformedReason) -> Identity {
        do {
            return try Identity(text)
        } catch {
            throw MalformedReason(.header, "\(name): \(error)")
        }
    }
}
