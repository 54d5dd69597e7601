import TertibRuntime
import TertibCore

/// The stream of a world of relays.
extension RelayScript: EventLog {
    func publish(_ message: WireMessage, expecting expectation: SubjectExpectation) async -> PublishOutcome {
        var expected: Int?
        if case .lastSequence(let sequence) = expectation { expected = Int(sequence.number) }
        guard let entry = entry(of: message) else { return .refused(Self.failure(.invalid)) }
        switch answer(.publish(event: entry, expected: expected)) {
        case .stored(let sequence, let isDuplicate)?:
            return .stored(sequence: StreamSequence(UInt64(sequence)), isDuplicate: isDuplicate)
        case .unexpected(let actual)?: return .unexpected(actual: StreamSequence(UInt64(actual)))
        case .unknown?: return .unknown(Self.failure(.timedOut))
        case .silence?:
            losePatience()
            return .unknown(Self.failure(.timedOut))
        default: return .refused(Self.failure(.closed))
        }
    }

    /// What the stream would have of a message: an event with another id than the one that was staged is an alien.
    private func entry(of message: WireMessage) -> UInt8? {
        // What cannot be decoded is none of the world's events.
        guard let envelope = try? vocabulary.codec.decode(message) else { return nil }
        let staged = vocabulary.envelopes.firstIndex {
            $0.aggregate == envelope.aggregate && $0.version == envelope.version
        }
        guard let staged else { return nil }
        let entry = UInt8(RelayVocabulary.event(of: staged) + 1)
        return vocabulary.envelopes[staged].id == envelope.id ? entry : entry | RelayState.alien
    }

    func message(
        at sequence: StreamSequence, from source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try logged(answer(.message(sequence: Int(sequence.number))))
    }

    func firstMessage(
        on subject: String, from sequence: StreamSequence, source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try logged(answer(.first(aggregate: aggregate(on: subject), from: Int(sequence.number))))
    }

    func lastMessage(on subject: String, from source: ReadSource) async throws(EventLogError) -> LoggedMessage? {
        try logged(answer(.last(aggregate: aggregate(on: subject))))
    }

    private func aggregate(on subject: String) throws(EventLogError) -> Int {
        let index = vocabulary.aggregates.firstIndex { vocabulary.codec.mapping.subject(of: $0) == subject }
        guard let index else { throw Self.failure(.invalid) }
        return index
    }

    private func logged(_ answer: RelayAnswer?) throws(EventLogError) -> LoggedMessage? {
        guard case .message(let sequence, let entry, let predecessor)? = answer else { throw Self.failure(.closed) }
        guard entry != 0, let message = vocabulary.published(entry, behind: predecessor) else { return nil }
        return LoggedMessage(
            message: message, sequence: StreamSequence(UInt64(sequence)), storedAt: ExplorerVocabulary.now)
    }

    func state() async throws(EventLogError) -> StreamState {
        guard case .number(let count)? = answer(.state) else { throw Self.failure(.closed) }
        return StreamState(
            name: vocabulary.streamName, createdAt: ExplorerVocabulary.now, messages: UInt64(count),
            firstSequence: StreamSequence(1), lastSequence: StreamSequence(UInt64(count)))
    }

    func subscribe(_ subscription: Subscription) async throws(EventLogError) -> any DeliverySource {
        throw Self.failure(.unsupported)
    }

    func consumerState(_ name: String) async throws(EventLogError) -> LogConsumerState? { nil }

    private static func failure(_ code: EventLogError.Code) -> EventLogError {
        EventLogError(code, attempted: "ask a small world's stream", reason: "there is no answer")
    }
}

extension ExplorerVocabulary {
    /// The event that an entry of the stream stands for.
    func envelope(_ entry: UInt8) -> Envelope? {
        var envelope = envelopes[RelayVocabulary.message(of: Int((entry & ~RelayState.alien) - 1))]
        guard entry & RelayState.alien != 0 else { return envelope }
        guard let id = try? EventID("another \(envelope.id)") else { return nil }  // the id of a staged one is good
        envelope.id = id
        return envelope
    }

    /// An entry's message, with the pointer to the one that it was published behind.
    func published(_ entry: UInt8, behind predecessor: Int) -> WireMessage? {
        guard let envelope = envelope(entry) else { return nil }
        var message = codec.encode(envelope)
        message.headers.append(HeaderField(Header.expectedLastSubjectSequence, "\(predecessor)"))
        return message
    }
}
