import TertibRuntime
import TertibCore

/// Requests of JetStream's API: JSON in, JSON out.
struct JetStreamAPI: Sendable {
    let connection: Connection
    let prefix: String
    let stream: StreamName
    let timeout: Duration

    init(_ connection: Connection) {
        self.connection = connection
        prefix = connection.options.apiPrefix
        stream = connection.options.stream
        timeout = connection.options.requestTimeout
    }

    /// The answer, or the failure that it describes.
    /// - Throws: ``EventLogError`` when there is no answer.
    func call(
        _ verb: String, _ body: JSONValue? = nil, _ attempted: String
    ) async throws(EventLogError) -> Result<JSONValue, APIFailure> {
        let reply = try await raw(verb, body?.encoded ?? [], attempted)
        guard let answer = try? JSONValue(parsing: reply.body) else {
            throw EventLogError(.invalid, attempted: attempted, reason: "the answer to \(verb) is not JSON")
        }
        return APIFailure(answer).map { .failure($0) } ?? .success(answer)
    }

    /// The reply as it came.
    func raw(_ verb: String, _ body: [UInt8], _ attempted: String) async throws(EventLogError) -> Reply {
        let message = OutgoingMessage(subject: "\(prefix).\(verb)", body: body)
        switch await connection.request(message, within: timeout) {
        case .reply(let reply):
            return reply
        case .noResponders:
            throw EventLogError(
                .unavailable, attempted: attempted, reason: "nobody answers on \(message.subject)",
                advice: "JetStream may be off, without a leader, or behind another nats.apiPrefix.")
        case .notSent(let error), .unanswered(let error):
            throw EventLogError(error.code, attempted: attempted, reason: error.reason, advice: error.advice)
        }
    }
}

extension APIFailure: Error {}
