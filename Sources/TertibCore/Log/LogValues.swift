/// A message as the stream stores it.
public struct LoggedMessage: Hashable, Sendable {
    /// The message.
    public let message: WireMessage
    /// Its position in the stream.
    public let sequence: StreamSequence
    /// When the stream stored it.
    public let storedAt: Timestamp

    /// Creates a logged message.
    public init(message: WireMessage, sequence: StreamSequence, storedAt: Timestamp) {
        self.message = message
        self.sequence = sequence
        self.storedAt = storedAt
    }
}

extension WireMessage {
    /// The sequence of the event before this one on its subject, where the publisher has sent it: the expectation that
    /// the broker enforced.
    public var predecessor: StreamSequence? {
        let values = values(of: Header.expectedLastSubjectSequence)
        guard values.count == 1 else { return nil }
        return values.first.flatMap { StreamSequence(wire: String(decoding: $0, as: UTF8.self)) }
    }
}

/// What the stream's last message on the subject must be for a publish to be stored.
public enum SubjectExpectation: Hashable, Sendable {
    /// Nothing is expected.
    case any
    /// The last message on the subject has this sequence; ``StreamSequence/none`` means that there is no message.
    case lastSequence(StreamSequence)
}

/// What became of a publish.
public enum PublishOutcome: Hashable, Sendable {
    /// The stream acknowledged it. A duplicate answer is no proof that this very event is stored: duplicates are
    /// recognised by id alone, on any subject of the stream.
    case stored(sequence: StreamSequence, isDuplicate: Bool)
    /// The expectation did not hold, and nothing was stored by this attempt; `actual` is the subject's last sequence.
    /// `nil` when another message of the subject is still on its way to the stream's copies: it may yet be lost, or be
    /// an earlier attempt of this very publish.
    case unexpected(actual: StreamSequence?)
    /// Certainly not stored, for a reason that another attempt may or may not change: ``EventLogError/isRetriable``.
    case refused(EventLogError)
    /// No answer: perhaps stored.
    case unknown(EventLogError)
}

/// The stream, as its leader describes it.
public struct StreamState: Hashable, Sendable {
    /// The stream's name.
    public var name: StreamName
    /// When it was created: another value under the same name is another stream.
    public var createdAt: Timestamp
    /// How many messages it has.
    public var messages: UInt64
    /// The sequence of its first message; one above the last when it is empty.
    public var firstSequence: StreamSequence
    /// The sequence of its last message, even when that has been removed.
    public var lastSequence: StreamSequence
    /// How many messages were removed from its middle.
    public var deleted: UInt64
    /// How long messages are kept; `nil` for ever.
    public var maximumAge: Duration?
    /// Whether the broker enforces an expected last sequence: not so on replicated streams before 2.9.21.
    public var enforcesExpectations: Bool

    /// Creates a state.
    public init(
        name: StreamName, createdAt: Timestamp, messages: UInt64, firstSequence: StreamSequence,
        lastSequence: StreamSequence, deleted: UInt64 = 0, maximumAge: Duration? = nil,
        enforcesExpectations: Bool = true
    ) {
        self.name = name
        self.createdAt = createdAt
        self.messages = messages
        self.firstSequence = firstSequence
        self.lastSequence = lastSequence
        self.deleted = deleted
        self.maximumAge = maximumAge
        self.enforcesExpectations = enforcesExpectations
    }
}
