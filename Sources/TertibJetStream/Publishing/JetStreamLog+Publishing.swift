import TertibRuntime
public import TertibCore

extension JetStreamLog {
    /// Publishes one message with its event id as `Nats-Msg-Id`, and waits for the stream's answer.
    ///
    /// Nothing is retried here, and nothing is kept for a later connection.
    public func publish(
        _ message: WireMessage, expecting expectation: SubjectExpectation
    ) async -> PublishOutcome {
        let attempted = "publish to \(message.subject)"
        if let reason = PublishRule.objection(to: message) {
            return .refused(EventLogError(.invalid, attempted: attempted, reason: reason))
        }
        let outgoing = OutgoingMessage(
            subject: message.subject, headers: Self.headers(of: message, expectation), body: message.body)
        switch await connection.request(outgoing, within: connection.options.requestTimeout) {
        case .reply(let reply):
            return outcome(reply, attempted)
        case .noResponders:
            return .refused(
                EventLogError(
                    .unavailable, attempted: attempted,
                    reason: "no stream takes the subject, or the stream has no leader"))
        case .notSent(let error):
            return .refused(EventLogError(error.code, attempted: attempted, reason: error.reason, advice: error.advice))
        case .unanswered(let error):
            return .unknown(EventLogError(error.code, attempted: attempted, reason: error.reason, advice: error.advice))
        }
    }

    private static func headers(of message: WireMessage, _ expectation: SubjectExpectation) -> [HeaderField] {
        var headers = message.headers.filter { field in
            !field.isNamed(Header.messageID) && !field.isNamed(Header.expectedLastSubjectSequence)
        }
        if let id = message.values(of: Header.id).first {
            headers.append(HeaderField(name: Array(Header.messageID.utf8), value: id))
        }
        if case .lastSequence(let sequence) = expectation {
            headers.append(HeaderField(Header.expectedLastSubjectSequence, sequence.description))
        }
        return headers
    }

    private func outcome(_ reply: Reply, _ attempted: String) -> PublishOutcome {
        if let acknowledgement = PublishAcknowledgement(plain: reply.body) {
            return outcome(acknowledgement, attempted)
        }
        guard let answer = try? JSONValue(parsing: reply.body) else {
            return .unknown(EventLogError(.invalid, attempted: attempted, reason: "the answer is not JSON"))
        }
        if let failure = APIFailure(answer) { return Self.outcome(failure, attempted) }
        guard let acknowledgement = PublishAcknowledgement(answer) else {
            return .unknown(EventLogError(.invalid, attempted: attempted, reason: "the answer names no sequence"))
        }
        return outcome(acknowledgement, attempted)
    }

    private func outcome(_ acknowledgement: PublishAcknowledgement, _ attempted: String) -> PublishOutcome {
        let stream = connection.options.stream
        guard acknowledgement.stream == stream.text else {
            return .refused(
                EventLogError(
                    .streamGone, attempted: attempted,
                    reason: "the subject belongs to the stream \(acknowledgement.stream), not to \(stream)",
                    advice: "Name that stream in the configuration, or use another namespace."))
        }
        return .stored(sequence: acknowledgement.sequence, isDuplicate: acknowledgement.isDuplicate)
    }

    /// What a failure says about the publish. What a replicated stream has on its way to its copies may still be lost
    /// with its leader, so it decides nothing about a publish behind it.
    ///
    /// That a message of this id is on its way is no better news: 2.11 says so for two minutes after a publish that it
    /// has refused.
    static func outcome(_ failure: APIFailure, _ attempted: String) -> PublishOutcome {
        switch failure.errorCode {
        case APIFailure.Known.wrongLastSequence:
            // "wrong last sequence: 41"
            let digits = failure.text.reversed().prefix { $0.isASCII && $0.isNumber }.reversed()
            return .unexpected(actual: StreamSequence(wire: String(digits)))
        case APIFailure.Known.subjectInFlight, APIFailure.Known.messageInFlight:
            return .unexpected(actual: nil)
        default:
            return .refused(failure.error(attempted))
        }
    }
}
