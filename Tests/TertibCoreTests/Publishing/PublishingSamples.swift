import Testing

@testable import TertibCore

/// A subject's messages, and the values that the publishing machines work on.
enum Publishing {
    static let now: Duration = .seconds(100)

    static func codec() throws -> WireCodec { WireCodec(namespace: try Namespace("test")) }

    static func aggregate() throws -> Aggregate { try Sample.aggregate() }

    static func subject() throws -> String { try codec().mapping.subject(of: aggregate()) }

    static func envelope(_ version: Int, id: String? = nil) throws -> Envelope {
        try Sample.arrival(version, event: id).envelope
    }

    /// A message of the aggregate, published behind `predecessor`.
    static func message(
        _ version: Int, id: String? = nil, at sequence: UInt64, behind predecessor: UInt64? = nil
    ) throws -> LoggedMessage {
        var message = try codec().encode(try envelope(version, id: id))
        if let predecessor {
            message.headers.append(HeaderField(Header.expectedLastSubjectSequence, "\(predecessor)"))
        }
        return logged(message, at: sequence)
    }

    static func malformed(at sequence: UInt64) throws -> LoggedMessage {
        logged(WireMessage(subject: try subject(), body: [0x7D]), at: sequence)
    }

    static func logged(_ message: WireMessage, at sequence: UInt64) -> LoggedMessage {
        LoggedMessage(message: message, sequence: StreamSequence(sequence), storedAt: Timestamp(microseconds: 0))
    }

    static func publish(_ version: Int, id: String? = nil, expecting sequence: UInt64) throws -> LogRequest {
        .publish(try codec().encode(try envelope(version, id: id)), expecting: StreamSequence(sequence))
    }

    static func state(last: UInt64, enforces: Bool = true, maximumAge: Duration? = nil) throws -> StreamState {
        StreamState(
            name: try StreamName("TEST"), createdAt: Timestamp(microseconds: 0), messages: last,
            firstSequence: StreamSequence(1), lastSequence: StreamSequence(last), maximumAge: maximumAge,
            enforcesExpectations: enforces)
    }

    static func error(_ code: EventLogError.Code) -> EventLogError {
        EventLogError(code, attempted: "publish", reason: "it is \(code)")
    }

    static func row(_ version: Int, id: String? = nil) throws -> OutboxRow {
        let envelope = try envelope(version, id: id)
        return OutboxRow(
            position: Int64(version), aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id,
            stored: StoredEnvelope.encode(try codec().encode(envelope)), stagedAt: Timestamp(microseconds: 0))
    }

    /// A head with a published version at a sequence; by default the staged version is the published one.
    static func head(_ published: Int, at sequence: UInt64, staged: Int? = nil) throws -> AggregateHead {
        AggregateHead(
            aggregate: try aggregate(), version: try Sample.version(staged ?? published),
            publishedVersion: try Sample.version(published), streamSequence: StreamSequence(sequence))
    }
}

extension LogAnswer {
    static func stored(_ sequence: UInt64, isDuplicate: Bool = false) -> LogAnswer {
        .published(.stored(sequence: StreamSequence(sequence), isDuplicate: isDuplicate))
    }

    static func unexpected(_ actual: UInt64?) -> LogAnswer {
        .published(.unexpected(actual: actual.map { StreamSequence($0) }))
    }
}

extension LogRequest {
    /// The next message of the aggregate's subject behind a sequence.
    static func next(after sequence: UInt64) throws -> LogRequest {
        .nextMessage(on: try Publishing.subject(), after: StreamSequence(sequence))
    }

    static func last() throws -> LogRequest { .lastMessage(on: try Publishing.subject()) }

    static func at(_ sequence: UInt64) -> LogRequest { .message(at: StreamSequence(sequence)) }
}
