import Synchronization
public import TertibRuntime
public import TertibCore

extension JetStreamLog {
    /// The message at a sequence; `nil` when the stream has none there.
    public func message(
        at sequence: StreamSequence, from source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        guard sequence != .none else { return nil }
        return try await read(
            ["seq": .unsigned(sequence.number)], from: source, "read the message at \(sequence)")
    }

    /// The first message on a subject at or after `sequence`; `nil` when there is none. `subject` may hold wildcards.
    public func firstMessage(
        on subject: String, from sequence: StreamSequence, source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try await read(
            ["seq": .unsigned(max(1, sequence.number)), "next_by_subj": .string(subject)], from: source,
            "find the first message on \(subject) from \(sequence)")
    }

    /// The last message on a literal subject; `nil` when there is none.
    public func lastMessage(
        on subject: String, from source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try await read(["last_by_subj": .string(subject)], from: source, "find the last message on \(subject)")
    }

    private func read(
        _ query: JSONValue, from source: ReadSource, _ attempted: String
    ) async throws(EventLogError) -> LoggedMessage? {
        if source == .anyReplica, try await allowsDirectGet(attempted) {
            switch try await directly(query, attempted) {
            case .found(let message): return message
            case .absent: return nil
            case .askTheLeader: break
            }
        }
        return try await fromTheLeader(query, attempted)
    }

    private func fromTheLeader(
        _ query: JSONValue, _ attempted: String
    ) async throws(EventLogError) -> LoggedMessage? {
        switch try await api.call("STREAM.MSG.GET.\(api.stream)", query, attempted) {
        case .success(let answer):
            guard let message = StoredMessage.decode(answer["message"]) else {
                throw EventLogError(.invalid, attempted: attempted, reason: "the answer holds no message")
            }
            return message
        case .failure(let failure):
            if failure.errorCode == APIFailure.Known.noMessage { return nil }
            throw failure.error(attempted)
        }
    }

    /// nats-server 2.9 does not answer at all when direct get is off, so it has to be known before.
    private func allowsDirectGet(_ attempted: String) async throws(EventLogError) -> Bool {
        if let known = directGet.withLock(\.self) { return known }
        do throws(EventLogError) {
            return try await description(attempted).allowsDirectGet
        } catch {
            // A user who may not ask may be permitted to read.
            guard error.code == .notPermitted else { throw error }
            directGet.withLock { $0 = true }
            return true
        }
    }

    private enum DirectAnswer {
        case found(LoggedMessage)
        case absent
        /// Direct get is switched off or not permitted, or the answer is doubtful.
        case askTheLeader
    }

    private func directly(_ query: JSONValue, _ attempted: String) async throws(EventLogError) -> DirectAnswer {
        let request = OutgoingMessage(
            subject: "\(api.prefix).DIRECT.GET.\(api.stream)", body: query.encoded)
        switch await connection.request(request, within: min(api.timeout, .seconds(1))) {
        case .reply(let reply):
            if let message = StoredMessage.decode(direct: reply) { return .found(message) }
            return reply.headers.status == 404 && reply.body.isEmpty ? .absent : .askTheLeader
        case .noResponders:
            return .askTheLeader
        case .notSent(let error), .unanswered(let error):
            if [.notPermitted, .timedOut].contains(error.code) { return .askTheLeader }
            throw EventLogError(error.code, attempted: attempted, reason: error.reason, advice: error.advice)
        }
    }
}
