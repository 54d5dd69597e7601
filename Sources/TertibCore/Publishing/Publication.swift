/// Publishes one event and settles its outcome: the same message is sent with the same expectation until it is certain
/// what the stream has. Relay and append share it.
///
/// | state | input | next state, step |
/// |---|---|---|
/// | publishing | stored, first time | settled *stored* |
/// | publishing | stored, duplicate | confirming: read the message that has the id |
/// | publishing | unexpected | searching: read the subject behind the expected message |
/// | confirming | this event | settled *stored, duplicate* |
/// | confirming | another message | settled *failed*: identity clash |
/// | confirming | none | settled *undecided* |
/// | searching | this event | settled *stored, duplicate* |
/// | searching | an event of this or a later version | settled *superseded*, with the conflicting event |
/// | searching | an earlier version, or a malformed message | searching: read the next one |
/// | searching | none | settled *superseded*; where the broker spoke of a message that is still on its way: as failed, retriable |
/// | any | failed, retriable | waiting; after the patience: settled *undecided* |
/// | any | failed, not retriable | settled *failed* |
/// | waiting | waited | publishing |
package struct Publication: Hashable, Sendable {
    /// What to do next.
    package enum Step: Hashable, Sendable {
        /// Ask the log, and hand on its answer.
        case ask(LogRequest)
        /// Wait for a time drawn evenly between the two.
        case wait(atLeast: Duration, atMost: Duration)
        /// The outcome is known.
        case settled(Settlement)
    }

    /// What has happened.
    package enum Input: Hashable, Sendable {
        /// The log's answer to what was asked.
        case answer(LogAnswer)
        /// The wait is over.
        case waited
    }

    /// What became of the event.
    package enum Settlement: Hashable, Sendable {
        /// It is in the stream.
        case stored(sequence: StreamSequence, isDuplicate: Bool)
        /// It is not, because the subject's last message is not the expected one.
        case superseded(by: UnexpectedMessages)
        /// It may be: the broker did not answer in time. The same publication may be made again.
        case undecided(EventLogError)
        /// It cannot be published, and no retry changes that.
        case failed(PublishFailure)
    }

    /// The event.
    package let envelope: Envelope
    /// The sequence that the subject's last message must have.
    package let expected: StreamSequence
    private let message: WireMessage
    private let codec: WireCodec
    private let deadline: Duration
    private var retries = 0
    private var state = State.publishing

    private enum State: Hashable, Sendable {
        case publishing
        case confirming(StreamSequence)
        /// What stands behind the expected message; whether the broker spoke of a message that is still on its way.
        case searching(UnexpectedMessages, isAnotherOnItsWay: Bool)
        case waiting
        case settled
    }

    /// How long an unknown outcome is pursued.
    package static let patience: Duration = .seconds(20)
    private static let backoff = RetryPolicy(initialDelay: .milliseconds(50), maxDelay: .seconds(2))

    /// Prepares a publication. Times are those of a monotonic clock.
    package init(_ envelope: Envelope, expecting expected: StreamSequence, codec: WireCodec, now: Duration) {
        self.envelope = envelope
        self.expected = expected
        self.codec = codec
        message = codec.encode(envelope)
        deadline = now + Self.patience
    }

    /// The first step.
    package mutating func begin() -> Step {
        state = .publishing
        return .ask(.publish(message, expecting: expected))
    }

    /// The step that follows from an input. Traps on an input that the last step did not ask for.
    package mutating func next(_ input: Input, now: Duration) -> Step {
        switch (state, input) {
        case (.publishing, .answer(.published(let outcome))): published(outcome, now)
        case (.confirming(let sequence), .answer(.message(let found))): confirm(found, at: sequence)
        case (.searching(let found, let isAnotherOnItsWay), .answer(.message(let message))):
            search(message, found, isAnotherOnItsWay, now)
        case (.publishing, .answer(.failed(let error))), (.confirming, .answer(.failed(let error))),
            (.searching, .answer(.failed(let error))):
            retry(after: error, now)
        case (.waiting, .waited): begin()
        case (.publishing, _), (.confirming, _), (.searching, _), (.waiting, _), (.settled, _):
            preconditionFailure("a publication does not expect \(input)")
        }
    }

    private mutating func published(_ outcome: PublishOutcome, _ now: Duration) -> Step {
        switch outcome {
        case .stored(let sequence, false):
            return settle(.stored(sequence: sequence, isDuplicate: false))
        case .stored(let sequence, true):
            // The answer names the message that has the id, on whatever subject: it must be this event.
            state = .confirming(sequence)
            return .ask(.message(at: sequence))
        case .unexpected(let actual):
            // Perhaps this event is there already, perhaps with others behind it.
            state = .searching(UnexpectedMessages(), isAnotherOnItsWay: actual == nil)
            return .ask(.nextMessage(on: message.subject, after: expected))
        case .refused(let error), .unknown(let error):
            return retry(after: error, now)
        }
    }

    private mutating func confirm(_ found: LoggedMessage?, at sequence: StreamSequence) -> Step {
        // One that is gone proves nothing; when the broker has forgotten the id too, a later publish finds out.
        guard let found else {
            return settle(.undecided(unavailable("the broker knows its id, and message \(sequence) is gone")))
        }
        guard found.message.subject == message.subject, found.message.body == message.body, isThisEvent(found) else {
            return settle(
                .failed(
                    .publishing(
                        PublishingError(
                            .identityClash, attempted: attempted,
                            reason: "the event id \(envelope.id) is that of another event, at stream sequence "
                                + "\(sequence)",
                            advice: "Give every event an id of its own."))))
        }
        return settle(.stored(sequence: sequence, isDuplicate: true))
    }

    private mutating func search(
        _ message: LoggedMessage?, _ found: UnexpectedMessages, _ isAnotherOnItsWay: Bool, _ now: Duration
    ) -> Step {
        var found = found
        guard let message else {
            // A message that is still on its way may be lost with the stream's leader, or turn out to be this one. When
            // the next attempt comes it has arrived, or is gone.
            if isAnotherOnItsWay, found.last == nil {
                return retry(after: unavailable("another message of the subject is still on its way"), now)
            }
            return settle(.superseded(by: found))
        }
        if isThisEvent(message) { return settle(.stored(sequence: message.sequence, isDuplicate: true)) }
        found.last = message.sequence
        if let other = event(of: message) {
            // Whether it was published with an expectation or without, this event cannot stand behind it.
            if other.version >= envelope.version {
                found.conflicting = UnexpectedMessages.ConflictingEvent(
                    version: other.version, id: other.id, predecessor: message.message.predecessor)
                return settle(.superseded(by: found))
            }
            found.highest = max(found.highest, other.version)
        }
        state = .searching(found, isAnotherOnItsWay: isAnotherOnItsWay)
        return .ask(.nextMessage(on: self.message.subject, after: message.sequence))
    }

    private mutating func retry(after error: EventLogError, _ now: Duration) -> Step {
        guard error.isRetriable else { return settle(.failed(.log(error))) }
        retries += 1
        let bound = Self.backoff.bound(beforeAttempt: retries + 1)
        guard now + bound < deadline else { return settle(.undecided(error)) }
        state = .waiting
        return .wait(atLeast: bound / 2, atMost: bound)
    }

    private mutating func settle(_ settlement: Settlement) -> Step {
        state = .settled
        return .settled(settlement)
    }

    private func isThisEvent(_ message: LoggedMessage) -> Bool {
        guard let other = event(of: message) else { return false }
        return other.id == envelope.id && other.version == envelope.version
    }

    /// The event in a message; `nil` when it is malformed, and so no version of anything.
    private func event(of message: LoggedMessage) -> Envelope? { try? codec.decode(message.message) }

    private var attempted: String { "publish version \(envelope.version) of \(envelope.aggregate)" }

    private func unavailable(_ reason: String) -> EventLogError {
        EventLogError(.unavailable, attempted: attempted, reason: reason)
    }
}

/// What a subject has behind the message that a publish expected to be its last.
package struct UnexpectedMessages: Hashable, Sendable {
    /// The last message that was read; `nil` when there is none.
    package var last: StreamSequence?
    /// The highest version among the well-formed events before the conflicting one.
    package var highest = AggregateVersion.none
    /// The first event of this or a later version.
    package var conflicting: ConflictingEvent?

    /// An event that stands where the published one should.
    package struct ConflictingEvent: Hashable, Sendable {
        /// Its version.
        package let version: AggregateVersion
        /// Its id.
        package let id: EventID
        /// The sequence that it was published behind; `nil` when its publisher expected nothing.
        package let predecessor: StreamSequence?
    }
}

/// Why an event could not be published or appended.
package enum PublishFailure: Hashable, Sendable {
    /// The log failed.
    case log(EventLogError)
    /// A rule forbids it.
    case publishing(PublishingError)
    /// The aggregate has another version than the expected one.
    case conflict(VersionConflict)

    /// The error to throw.
    package var error: any Error {
        switch self {
        case .log(let error): error
        case .publishing(let error): error
        case .conflict(let error): error
        }
    }
}
