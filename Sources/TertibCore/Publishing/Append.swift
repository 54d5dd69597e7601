/// Appends events to an aggregate's history where the stream is the truth: the broker enforces the expected version.
///
/// With a store, versions never start again. What was trimmed goes on behind the head that the store knows; a stream that
/// has lost the head's event, or was created anew, is refused. Three things it cannot know: a version whose writer died
/// before it recorded the head, and whose aggregate's history was then deleted altogether, is given again; so is one that
/// was appended and deleted with the whole history while a writer that had found the subject empty stood still, for the
/// broker then finds it empty too; and where the place of a lost event has been trimmed since, the loss looks like
/// trimming, so that versions go on behind it.
///
/// | state | input | next state, step |
/// |---|---|---|
/// | checking stream | it keeps the promises | reading head |
/// | checking stream | it does not | failed |
/// | reading head | head | locating (``PositionSearch``) |
/// | locating | at the expected version, or none is expected | appending |
/// | locating | above it, and every event has an id of the caller's | recognising: read the history |
/// | locating | at any other version | lost |
/// | recognising | all events are there | finished |
/// | recognising | the first ones are there, nothing behind them | appending the others |
/// | recognising | the first ones are there, and another writer's behind them | failed, partly |
/// | recognising | none is there | lost |
/// | appending | envelope | publishing (``Publication``) |
/// | publishing | stored | appending the next one; after the last one recording |
/// | publishing | superseded | locating again, for the actual version; lost |
/// | publishing | undecided, failed | failed |
/// | *lost* | nothing is expected, nothing is written, fewer than 50 times | waiting |
/// | *lost* | else | failed: conflict |
/// | waiting | waited | reading head |
/// | recording | recorded | finished, or failed partly |
/// | any | interrupted | failed; when events were written, recording, then failed partly |
package struct Append: Hashable, Sendable {
    /// What to do next.
    package enum Step: Hashable, Sendable {
        /// Ask the log, and hand on its answer.
        case ask(LogRequest)
        /// Wait for a time drawn evenly between the two.
        case wait(atLeast: Duration, atMost: Duration)
        /// Remember that the stream of this name keeps the promises.
        case trust(StreamName)
        /// Read the aggregate's head; where there is no store there is none.
        case readHead
        /// Make the envelope of an event.
        case makeEnvelope(event: Int, version: AggregateVersion)
        /// Record the head, unless a later one is recorded. The events are in the stream whatever happens here: a failure
        /// is not the caller's.
        case record(AggregateHead)
        /// All events are appended.
        case finished([PublishReceipt])
        /// Nothing was written; the reason is the error that has interrupted when there is no other one.
        case failed(PublishFailure?)
        /// The first events were written; the reason as with `failed`.
        case failedPartly([PublishReceipt], PublishFailure?)
    }

    /// What has happened.
    package enum Input: Hashable, Sendable {
        /// The log's answer to what was asked.
        case answer(LogAnswer)
        /// The wait is over.
        case waited
        /// The stream is remembered.
        case trusted
        /// The head that was read.
        case head(AggregateHead?)
        /// The envelope that was made.
        case envelope(Envelope)
        /// The head is recorded, or that has failed.
        case recorded
        /// A step could not be taken: the database failed, or the task was cancelled.
        case interrupted
    }

    /// Maximum number of races that are lost before the caller gets the conflict.
    private static let lossLimit = 50

    private let ids: [EventID?]
    private let aggregate: Aggregate
    private let expected: AggregateVersion?
    private let hasStore: Bool
    private let codec: WireCodec
    /// The stream, once it was found to keep the promises.
    private var stream: StreamName?
    private var losses = 0
    private var receipts: [PublishReceipt] = []
    private var position = SubjectPosition(version: .none, last: .none)
    private var state = State.ready

    private enum State: Hashable, Sendable {
        case ready
        case checkingStream
        case trusting
        case readingHead
        /// For the first time, or again to name the version in a conflict.
        case locating(PositionSearch, isAgain: Bool)
        case recognising(SubjectHistory, after: AggregateVersion)
        case makingEnvelope(AggregateVersion)
        case publishing(Publication)
        case waiting
        case recording(then: End)
        case finished
    }

    private enum End: Hashable, Sendable {
        case finished
        case failed(PublishFailure?)
    }

    /// Prepares an append.
    /// - Parameters:
    ///   - ids: The ids of the events, `nil` where the caller has given none: such an event is not recognised when it is
    ///     appended again.
    ///   - expected: The version that the aggregate must have; `nil` for any.
    ///   - stream: The stream, if an earlier append has found that it keeps the promises.
    ///   - hasStore: Whether heads are recorded.
    package init(
        _ ids: [EventID?], to aggregate: Aggregate, expecting expected: AggregateVersion?, stream: StreamName?,
        hasStore: Bool, codec: WireCodec
    ) {
        self.ids = ids
        self.aggregate = aggregate
        self.expected = expected
        self.stream = stream
        self.hasStore = hasStore
        self.codec = codec
    }

    private var attempted: String { "append to \(aggregate)" }

    /// The first step.
    package mutating func begin() -> Step {
        guard stream == nil else { return readHead() }
        state = .checkingStream
        return .ask(.state)
    }

    /// The step that follows from an input. Times are those of a monotonic clock. Traps on an input that the last step did
    /// not ask for.
    package mutating func next(_ input: Input, now: Duration) -> Step {
        switch (state, input) {
        case (_, .interrupted):
            return fail(nil)
        case (.checkingStream, .answer(.state(let stream))):
            return check(stream)
        case (.checkingStream, .answer(.failed(let error))), (.recognising, .answer(.failed(let error))):
            return fail(.log(error))
        case (.trusting, .trusted), (.waiting, .waited):
            return readHead()
        case (.readingHead, .head(let head)):
            var search = PositionSearch(of: aggregate, head: head, codec: codec)
            return follow(search.begin(), search, isAgain: false)
        case (.locating(var search, let isAgain), .answer(let answer)):
            return follow(search.next(.answer(answer)), search, isAgain: isAgain)
        case (.locating(var search, let isAgain), .head(let head)):
            return follow(search.next(.head(head)), search, isAgain: isAgain)
        case (.recognising(let history, let expected), .answer(.message(let message))):
            return recognise(message, history, after: expected)
        case (.makingEnvelope, .envelope(let envelope)):
            var publication = Publication(envelope, expecting: position.last, codec: codec, now: now)
            return follow(publication.begin(), publication)
        case (.publishing(var publication), .answer(let answer)):
            return follow(publication.next(.answer(answer), now: now), publication)
        case (.publishing(var publication), .waited):
            return follow(publication.next(.waited, now: now), publication)
        case (.recording(.finished), .recorded):
            return end(.finished(receipts))
        case (.recording(.failed(let failure)), .recorded):
            return end(.failedPartly(receipts, failure))
        case (.ready, _), (.checkingStream, _), (.trusting, _), (.readingHead, _), (.locating, _), (.recognising, _),
            (.makingEnvelope, _), (.publishing, _), (.waiting, _), (.recording, _), (.finished, _):
            preconditionFailure("an append does not expect \(input)")
        }
    }

    // MARK: - Before the first event

    private mutating func check(_ stream: StreamState) -> Step {
        guard stream.enforcesExpectations else {
            return fail(
                .publishing(
                    PublishingError(
                        .unsafeStream, attempted: attempted,
                        reason: "this broker does not enforce expected versions on a replicated stream",
                        advice: "Upgrade every nats-server of the cluster to 2.9.21 or later, or use one replica.")))
        }
        if !hasStore, let age = stream.maximumAge {
            return fail(
                .publishing(
                    PublishingError(
                        .unsafeStream, attempted: attempted,
                        reason:
                            "the stream forgets events after \(age), and without a store versions would start again",
                        advice: "Give the service a store, or remove the stream's maximum age.")))
        }
        self.stream = stream.name
        state = .trusting
        return .trust(stream.name)
    }

    private mutating func readHead() -> Step {
        state = .readingHead
        return .readHead
    }

    private mutating func follow(
        _ step: PositionSearch.Step, _ search: PositionSearch, isAgain: Bool
    ) -> Step {
        state = .locating(search, isAgain: isAgain)
        return switch step {
        case .ask(let request): .ask(request)
        case .readHead: .readHead
        case .failed(let failure): fail(failure)
        case .found(let position) where isAgain: lose(expected: self.position.version, actual: position.version)
        case .found(let position): located(position)
        }
    }

    private mutating func located(_ position: SubjectPosition) -> Step {
        self.position = position
        guard let expected, expected != position.version else { return appendNext() }
        // Perhaps a retry after an unknown outcome. Events without an id of the caller's cannot be recognised.
        guard expected < position.version, ids.allSatisfy({ $0 != nil }) else {
            return lose(expected: expected, actual: position.version)
        }
        let history = SubjectHistory(subject: codec.mapping.subject(of: aggregate))
        state = .recognising(history, after: expected)
        return .ask(history.firstRequest)
    }

    /// Finds out which of the events, from the first on, are there already, perhaps with another writer's behind them.
    private mutating func recognise(
        _ message: LoggedMessage?, _ history: SubjectHistory, after expected: AggregateVersion
    ) -> Step {
        var history = history
        if let request = history.add(message, codec) {
            state = .recognising(history, after: expected)
            return .ask(request)
        }
        var wanted = expected.next
        for event in history.events {
            guard receipts.count < ids.count, event.version == wanted, event.id == ids[receipts.count] else { continue }
            receipts.append(receipt(event.version, event.id, event.sequence, isDuplicate: true))
            wanted = event.version.next
        }
        guard let last = receipts.last else { return lose(expected: expected, actual: position.version) }
        if receipts.count == ids.count { return end(.finished(receipts)) }
        guard last.version == position.version else {
            let conflict = VersionConflict(aggregate: aggregate, expected: expected, actual: position.version)
            return end(.failedPartly(receipts, .conflict(conflict)))
        }
        return appendNext()
    }

    // MARK: - One event after the other

    private mutating func appendNext() -> Step {
        guard receipts.count < ids.count else { return recordLast(then: .finished) }
        guard let version = position.version.next else {
            return fail(
                .publishing(
                    PublishingError(.versionsExhausted, attempted: attempted, reason: "it has the highest version")))
        }
        state = .makingEnvelope(version)
        return .makeEnvelope(event: receipts.count, version: version)
    }

    private mutating func follow(_ step: Publication.Step, _ publication: Publication) -> Step {
        state = .publishing(publication)
        let envelope = publication.envelope
        switch step {
        case .ask(let request): return .ask(request)
        case .wait(let least, let most): return .wait(atLeast: least, atMost: most)
        case .settled(.stored(let sequence, let isDuplicate)):
            receipts.append(receipt(envelope.version, envelope.id, sequence, isDuplicate: isDuplicate))
            position = SubjectPosition(version: envelope.version, last: sequence)
            return appendNext()
        case .settled(.superseded):
            var search = PositionSearch(of: aggregate, head: nil, codec: codec)
            return follow(search.begin(), search, isAgain: true)
        case .settled(.undecided(let error)):
            return fail(
                .publishing(
                    PublishingError(
                        .undecided, attempted: "append version \(envelope.version) to \(aggregate)",
                        reason: "the broker did not say whether it is stored: \(error.reason)",
                        advice: "Append again with the same event id (\(envelope.id)) and expectation: an event that "
                            + "was stored is recognised.")))
        case .settled(.failed(let failure)): return fail(failure)
        }
    }

    private func receipt(
        _ version: AggregateVersion, _ id: EventID, _ sequence: StreamSequence, isDuplicate: Bool
    ) -> PublishReceipt {
        guard let stream else { preconditionFailure("events were appended to a stream that was not checked") }
        return PublishReceipt(
            aggregate: aggregate, version: version, eventID: id, stream: stream, sequence: sequence,
            isDuplicate: isDuplicate)
    }

    // MARK: - The end

    /// Another writer was faster.
    private mutating func lose(expected version: AggregateVersion, actual: AggregateVersion) -> Step {
        guard expected == nil, receipts.isEmpty, losses < Self.lossLimit else {
            return fail(.conflict(VersionConflict(aggregate: aggregate, expected: version, actual: actual)))
        }
        losses += 1
        state = .waiting
        return .wait(atLeast: .zero, atMost: .milliseconds(1) * (1 << min(losses, 7)))
    }

    private mutating func fail(_ failure: PublishFailure?) -> Step {
        guard !receipts.isEmpty else { return end(.failed(failure)) }
        return recordLast(then: .failed(failure))
    }

    /// Records the head, so that versions never start again where the history is trimmed.
    private mutating func recordLast(then end: End) -> Step {
        guard let last = receipts.last else { return self.end(.finished([])) }
        state = .recording(then: end)
        return .record(
            AggregateHead(
                aggregate: aggregate, version: last.version, publishedVersion: last.version, eventID: last.eventID,
                streamSequence: last.sequence))
    }

    private mutating func end(_ step: Step) -> Step {
        state = .finished
        return step
    }
}
