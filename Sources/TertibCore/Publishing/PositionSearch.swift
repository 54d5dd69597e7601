/// Where an aggregate's history stands in the stream.
package struct SubjectPosition: Hashable, Sendable {
    /// The highest version.
    package var version: AggregateVersion
    /// The last message on the subject, whatever it is: what the next publish expects.
    package var last: StreamSequence
}

/// Finds out where an aggregate's history stands: the highest well-formed version on its subject. The last message proves
/// it by its pointer to the version before; else the subject is read from its first message.
///
/// | state | input | next state, step |
/// |---|---|---|
/// | reading last | none, or one below the head's | checking tail: read the state, then the message in the head's place |
/// | reading last | else | judging the last message |
/// | checking tail | the head's event is there, or was trimmed with all before it | judging the last message |
/// | checking tail | else | failed: the stream has lost what it had acknowledged |
/// | *judging* | no message | reading head again; found, at the head's version |
/// | *judging* | the head's own event | found, at the head's version |
/// | *judging* | the first version, published on an empty subject | found |
/// | *judging* | published behind a message | proving: read that message |
/// | *judging* | malformed, or published without an expectation | reading history |
/// | proving | the version before | found |
/// | proving | anything else | reading history |
/// | reading history | a message | reading history |
/// | reading history | none | found, at the highest version |
/// | any | failed | failed |
package struct PositionSearch: Hashable, Sendable {
    /// What to do next.
    package enum Step: Hashable, Sendable {
        /// Ask the log, and hand on its answer.
        case ask(LogRequest)
        /// Read the aggregate's head; where there is no store there is none.
        case readHead
        /// The position.
        case found(SubjectPosition)
        /// The position cannot be found, or nothing may be written behind it.
        case failed(PublishFailure)
    }

    /// What has happened.
    package enum Input: Hashable, Sendable {
        /// The log's answer to what was asked.
        case answer(LogAnswer)
        /// The head that was read.
        case head(AggregateHead?)
    }

    private let aggregate: Aggregate
    private let head: AggregateHead?
    private let codec: WireCodec
    private var state = State.readingLast

    private enum State: Hashable, Sendable {
        case readingLast
        case checkingStream(AggregateHead, last: LoggedMessage?)
        case checkingHead(AggregateHead, last: LoggedMessage?, end: StreamSequence)
        case readingHeadAgain
        case proving(AggregateVersion, last: StreamSequence)
        case readingHistory(SubjectHistory, last: StreamSequence)
        case finished
    }

    /// Prepares a search. With a head, a stream that has lost the head's event is refused.
    package init(of aggregate: Aggregate, head: AggregateHead?, codec: WireCodec) {
        self.aggregate = aggregate
        self.head = head
        self.codec = codec
    }

    private var subject: String { codec.mapping.subject(of: aggregate) }
    /// The version that this database knows: the stream may have trimmed it.
    private var staged: AggregateVersion { head?.version ?? .none }

    /// The first step.
    package mutating func begin() -> Step { .ask(.lastMessage(on: subject)) }

    /// The step that follows from an input. Traps on an input that the last step did not ask for.
    package mutating func next(_ input: Input) -> Step {
        switch (state, input) {
        case (_, .answer(.failed(let error))):
            return fail(.log(error))
        case (.readingLast, .answer(.message(let last))):
            if let head, (last?.sequence ?? .none) < head.streamSequence {
                state = .checkingStream(head, last: last)
                return .ask(.state)
            }
            return judge(last)
        case (.checkingStream(let head, let last), .answer(.state(let stream))):
            state = .checkingHead(head, last: last, end: stream.lastSequence)
            return .ask(.message(at: head.streamSequence))
        case (.checkingHead(let head, let last, let end), .answer(.message(let stored))):
            return check(head, last: last, end: end, stored: stored)
        case (.readingHeadAgain, .head(let head)):
            return find(head?.version ?? .none, .none)
        case (.proving(let version, let last), .answer(.message(let predecessor))):
            guard let before = predecessor.flatMap({ try? codec.decode($0.message) }),
                before.aggregate == aggregate, version.follows(before.version)
            else { return readHistory(last: last) }
            return find(max(version, staged), last)
        case (.readingHistory(var history, let last), .answer(.message(let message))):
            guard let request = history.add(message, codec) else {
                let highest = history.events.map(\.version).max() ?? .none
                return find(max(highest, staged), max(history.events.last?.sequence ?? .none, last))
            }
            state = .readingHistory(history, last: last)
            return .ask(request)
        case (.readingLast, _), (.checkingStream, _), (.checkingHead, _), (.readingHeadAgain, _), (.proving, _),
            (.readingHistory, _), (.finished, _):
            preconditionFailure("a search for a position does not expect \(input)")
        }
    }

    /// What the stream acknowledged and no longer has was trimmed, together with everything before it; else it was lost,
    /// and a next version would leave a hole behind it.
    private mutating func check(
        _ head: AggregateHead, last: LoggedMessage?, end: StreamSequence, stored: LoggedMessage?
    ) -> Step {
        let isThere = stored?.message.subject == subject
        let isTrimmed = last == nil && stored == nil && head.streamSequence <= end
        guard isThere || isTrimmed else {
            return fail(
                .publishing(
                    PublishingError(
                        .unsafeStream, attempted: "append to \(aggregate)",
                        reason: "the stream has lost version \(head.publishedVersion), which it had acknowledged at "
                            + "sequence \(head.streamSequence)",
                        advice: "Restore the stream, or publish the lost events again before anything new.")))
        }
        return judge(last)
    }

    private mutating func judge(_ last: LoggedMessage?) -> Step {
        guard let last else {
            // The head is read again: it has what another writer has appended since and was trimmed already.
            state = .readingHeadAgain
            return .readHead
        }
        if let head, head.streamSequence == last.sequence, head.publishedVersion == head.version {
            return find(head.version, last.sequence)
        }
        // A message that was published with an expectation: then its writer had read the history.
        guard let envelope = try? codec.decode(last.message), let pointer = last.message.predecessor else {
            return readHistory(last: last.sequence)
        }
        if pointer == .none {
            guard envelope.version == .first else { return readHistory(last: last.sequence) }
            return find(max(.first, staged), last.sequence)
        }
        state = .proving(envelope.version, last: last.sequence)
        return .ask(.message(at: pointer))
    }

    private mutating func readHistory(last: StreamSequence) -> Step {
        let history = SubjectHistory(subject: subject)
        state = .readingHistory(history, last: last)
        return .ask(history.firstRequest)
    }

    private mutating func find(_ version: AggregateVersion, _ last: StreamSequence) -> Step {
        state = .finished
        return .found(SubjectPosition(version: version, last: last))
    }

    private mutating func fail(_ failure: PublishFailure) -> Step {
        state = .finished
        return .failed(failure)
    }
}

/// The well-formed events on a subject, without their payloads, in the stream's order.
struct SubjectHistory: Hashable, Sendable {
    struct Event: Hashable, Sendable {
        let sequence: StreamSequence
        let version: AggregateVersion
        let id: EventID
    }

    let subject: String
    private(set) var events: [Event] = []

    init(subject: String) {
        self.subject = subject
    }

    var firstRequest: LogRequest { .nextMessage(on: subject, after: .none) }

    /// Adds the message that was read.
    /// - Returns: the next request; `nil` when all messages were read.
    mutating func add(_ message: LoggedMessage?, _ codec: WireCodec) -> LogRequest? {
        guard let message else { return nil }
        // A malformed message is no version.
        if let envelope = try? codec.decode(message.message) {
            events.append(Event(sequence: message.sequence, version: envelope.version, id: envelope.id))
        }
        return .nextMessage(on: subject, after: message.sequence)
    }
}
