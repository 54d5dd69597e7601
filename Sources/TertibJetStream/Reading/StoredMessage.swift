import Foundation
import TertibRuntime
import TertibCore

/// Reads messages out of the two forms in which JetStream hands out what it has stored.
enum StoredMessage {
    /// The fields that `DIRECT.GET` appends.
    enum Name {
        static let stream = "Nats-Stream"
        static let subject = "Nats-Subject"
        static let sequence = "Nats-Sequence"
        static let time = "Nats-Time-Stamp"
        static let all = [stream, subject, sequence, time]
    }

    /// The answer of `STREAM.MSG.GET`: headers and body in base 64.
    static func decode(_ message: JSONValue) -> LoggedMessage? {
        guard let subject = message["subject"].text, let sequence = message["seq"].unsigned,
            let storedAt = message["time"].text.flatMap({ Timestamp(rfc3339: $0) }),
            let headers = bytes(message["hdrs"]), let body = bytes(message["data"])
        else { return nil }
        return LoggedMessage(
            message: WireMessage(subject: subject, headers: HeaderBlock(headers).storedFields, body: body),
            sequence: StreamSequence(sequence), storedAt: storedAt)
    }

    private static func bytes(_ value: JSONValue) -> [UInt8]? {
        guard let text = value.text else { return [] }
        return Data(base64Encoded: text).map { Array($0) }
    }

    /// The answer of `DIRECT.GET`: the stored message with four fields appended. The stored message may itself look like
    /// a status, and may have fields of these names: the appended ones are the last.
    static func decode(direct reply: Reply) -> LoggedMessage? {
        var headers = reply.headers
        guard headers.last(Name.stream) != nil, let subject = headers.last(Name.subject),
            let sequence = headers.last(Name.sequence).flatMap({ StreamSequence(wire: $0) }),
            let storedAt = headers.last(Name.time).flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        for name in Name.all {
            if let index = headers.fields.lastIndex(where: { $0.name.elementsEqual(name.utf8) }) {
                headers.fields.remove(at: index)
            }
        }
        return LoggedMessage(
            message: WireMessage(subject: subject, headers: headers.storedFields, body: reply.body),
            sequence: sequence, storedAt: storedAt)
    }
}
