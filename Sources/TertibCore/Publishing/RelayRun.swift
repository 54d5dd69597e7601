/// Publishes the staged events of one aggregate in one round of a relay, one behind the other, from the lowest
/// unpublished version on. The first row that has to wait ends the run.
///
/// Each row is published behind the message that the head names. That expectation is the fence: it stops a relay that was
/// paused and a database that was restored, and two relays at one row publish it once.
///
/// | state | input | next state, step |
/// |---|---|---|
/// | publishing | settled *stored* | next row; after the last one finished |
/// | publishing | settled *undecided* | row later |
/// | publishing | settled *failed* | alarm *refused*, row later |
/// | publishing | settled *superseded* by what may be an own later event | searching own rows |
/// | publishing | settled *superseded* | resolution of the conflict |
/// | searching own rows | the event is there | row published (and trimmed since), next row |
/// | searching own rows | it is not | resolution of the conflict |
/// | *resolution* | a conflicting event | alarm *forked*, row later |
/// | *resolution* | other messages, none older than the head | publishing behind them |
/// | *resolution* | else | reading state, then last message, then the message in the head's place |
/// | reading head | the head's event is there | publishing behind the last message |
/// | reading head | it was lost | reopening |
/// | reading head | it was trimmed with all before it | notice *trimmed*, publishing behind what is there |
/// | reading head | it was deleted, and messages before it were not | alarm *head deleted*, row later |
/// | reopening | the head has moved | row later, at once |
/// | reopening | done | alarm *lost tail reopened*, row later, at once |
/// | reopening | the outbox does not hold all of it | alarm *lost tail*, row later |
/// | reporting | reported | row later, or publishing |
/// | any | interrupted, or a read failed outside of a publication | row later; finished |
///
/// A row that was published behind another message four times without success waits, and every row that waits ends
/// the run.
package struct RelayRun: Hashable, Sendable {
    /// What to do next.
    package enum Step: Hashable, Sendable {
        /// Ask the log, and hand on its answer.
        case ask(LogRequest)
        /// Wait for a time drawn evenly between the two.
        case wait(atLeast: Duration, atMost: Duration)
        /// Read the unpublished rows of the aggregate by position, at most `limit`.
        case readRows(of: Aggregate, limit: Int)
        /// In one transaction read the aggregate's head, and reopen the outbox behind `version` at `sequence` if the head
        /// is still published as given.
        case reopen(AggregateHead, behind: AggregateVersion, at: StreamSequence)
        /// Report an incident.
        case report(RelayIncident)
        /// The run is over.
        case finished(RelayRunResult)
    }

    /// What has happened.
    package enum Input: Hashable, Sendable {
        /// The log's answer to what was asked.
        case answer(LogAnswer)
        /// The wait is over.
        case waited
        /// The rows that were read.
        case rows([OutboxRow])
        /// The head as it was before, and whether the outbox was reopened.
        case reopened(AggregateHead?, isDone: Bool)
        /// The incident was reported.
        case reported
        /// A step could not be taken: the database failed, or the task was cancelled.
        case interrupted(isCancelled: Bool)
    }

    /// Maximum number of rows of one aggregate in one round.
    package static let limit = 64
    /// Maximum number of rows that are searched for an own event.
    private static let ownRowsLimit: Int64 = 10_000
    /// How often one row is published, each time behind another message.
    private static let maximumExpectations = 4

    private let rows: [OutboxRow]
    private let codec: WireCodec
    /// The head as it is once ``marks`` are written.
    private var head: AggregateHead
    private var index = 0
    private var marks: [RelayMark] = []
    private var expectations = 0
    private var state = State.ready

    private enum State: Hashable, Sendable {
        case ready
        case publishing(Publication)
        case searchingOwnRows(Conflict)
        case readingState(Conflict)
        case readingLast(Conflict, end: StreamSequence)
        case readingHead(Conflict, end: StreamSequence, last: LoggedMessage?)
        case reopening(behind: AggregateVersion)
        case reporting(then: Continuation)
        case finished
    }

    /// A publication that was superseded.
    private struct Conflict: Hashable, Sendable {
        let envelope: Envelope
        let expected: StreamSequence
        let found: UnexpectedMessages
    }

    private enum Continuation: Hashable, Sendable {
        case publish(Envelope, expecting: StreamSequence)
        case wait(Duration)
    }

    /// Prepares a run: the claimed row, and those of `following` that follow it without a gap.
    package init(_ claim: OutboxClaim, following: [OutboxRow] = [], codec: WireCodec) {
        var rows = [claim.row]
        for row in following.prefix(Self.limit) where row.version.follows(rows[rows.count - 1].version) {
            rows.append(row)
        }
        self.rows = rows
        self.codec = codec
        head = claim.head
    }

    /// The aggregate.
    package var aggregate: Aggregate { head.aggregate }

    private var row: OutboxRow { rows[index] }
    private var subject: String { codec.mapping.subject(of: aggregate) }

    /// The first step. Times are those of a monotonic clock.
    package mutating func begin(now: Duration) -> Step { beginRow(now) }

    /// The step that follows from an input. Traps on an input that the last step did not ask for.
    package mutating func next(_ input: Input, now: Duration) -> Step {
        switch (state, input) {
        case (_, .interrupted(let isCancelled)):
            return finish(isCancelled ? nil : .later(row, after: .seconds(1)))
        case (.publishing(var publication), .answer(let answer)):
            return follow(publication.next(.answer(answer), now: now), of: publication, now)
        case (.publishing(var publication), .waited):
            return follow(publication.next(.waited, now: now), of: publication, now)
        case (_, .answer(.failed(let error))):
            return finish(.later(row, after: .seconds(1)), error)
        case (.searchingOwnRows(let conflict), .rows(let rows)):
            guard let event = conflict.found.conflicting,
                rows.contains(where: { $0.version == event.version && $0.eventID == event.id })
            else { return resolve(conflict, now) }
            return published(at: conflict.expected, now)
        case (.readingState(let conflict), .answer(.state(let stream))):
            state = .readingLast(conflict, end: stream.lastSequence)
            return .ask(.lastMessage(on: subject))
        case (.readingLast(let conflict, let end), .answer(.message(let last))):
            state = .readingHead(conflict, end: end, last: last)
            return .ask(.message(at: conflict.expected))
        case (.readingHead(let conflict, let end, let last), .answer(.message(let known))):
            return resolve(conflict, end: end, last: last, known: known, now)
        case (.reopening(let version), .reopened(let current, let isDone)):
            return reopened(behind: version, current, isDone)
        case (.reporting(.publish(let envelope, let expected)), .reported):
            return publish(envelope, expecting: expected, now)
        case (.reporting(.wait(let delay)), .reported):
            return finish(.later(row, after: delay))
        case (.ready, _), (.publishing, _), (.searchingOwnRows, _), (.readingState, _), (.readingLast, _),
            (.readingHead, _), (.reopening, _), (.reporting, _), (.finished, _):
            preconditionFailure("a relay's run does not expect \(input)")
        }
    }

    // MARK: - Rows

    private mutating func beginRow(_ now: Duration) -> Step {
        expectations = 0
        do {
            let envelope = try codec.decode(try StoredEnvelope.decode(row.stored, subject: subject))
            return publish(envelope, expecting: head.streamSequence, now)
        } catch {
            return report(.unreadable, "\(error)", then: .wait(.seconds(60)))
        }
    }

    private mutating func publish(_ envelope: Envelope, expecting expected: StreamSequence, _ now: Duration) -> Step {
        guard expectations < Self.maximumExpectations else { return finish(.later(row, after: .seconds(1))) }
        expectations += 1
        var publication = Publication(envelope, expecting: expected, codec: codec, now: now)
        return follow(publication.begin(), of: publication, now)
    }

    private mutating func follow(_ step: Publication.Step, of publication: Publication, _ now: Duration) -> Step {
        state = .publishing(publication)
        switch step {
        case .ask(let request): return .ask(request)
        case .wait(let least, let most): return .wait(atLeast: least, atMost: most)
        case .settled(.stored(let sequence, _)): return published(at: sequence, now)
        case .settled(.undecided): return finish(.later(row, after: .milliseconds(500)))
        case .settled(.failed(let failure)): return report(.refused, "\(failure.error)", then: .wait(.seconds(10)))
        case .settled(.superseded(let found)):
            let conflict = Conflict(
                envelope: publication.envelope, expected: publication.expected, found: found)
            guard let limit = ownRowsToSearch(conflict) else { return resolve(conflict, now) }
            state = .searchingOwnRows(conflict)
            return .readRows(of: aggregate, limit: limit)
        }
    }

    private mutating func published(at sequence: StreamSequence, _ now: Duration) -> Step {
        marks.append(.published(row, at: sequence))
        head.publishedVersion = row.version
        head.streamSequence = sequence
        index += 1
        return index < rows.count ? beginRow(now) : finish(nil)
    }

    private mutating func finish(_ mark: RelayMark?, _ failure: EventLogError? = nil) -> Step {
        state = .finished
        if let mark { marks.append(mark) }
        return .finished(RelayRunResult(marks: marks, failure: failure))
    }

    private mutating func report(_ kind: RelayIncident.Kind, _ reason: String?, then continuation: Continuation) -> Step
    {
        state = .reporting(then: continuation)
        return .report(RelayIncident(kind: kind, row: row, reason: reason))
    }

    // MARK: - Conflict resolution

    /// How many rows to search for the conflicting event; `nil` when it cannot be a later one of this database's own.
    ///
    /// It can be when it was published behind a message that stood after the expected one and is gone, or when the
    /// subject had been trimmed empty. Then this row was published too, for versions are published in order, and the
    /// stream has trimmed it since. The head stays where it was for the rows between.
    private func ownRowsToSearch(_ conflict: Conflict) -> Int? {
        guard let event = conflict.found.conflicting, event.version > row.version,
            let predecessor = event.predecessor, predecessor > conflict.expected || predecessor == .none
        else { return nil }
        // The rows of this run that come before it are not marked yet.
        return Int(min(Self.ownRowsLimit, event.version.number - row.version.number + 1)) + Self.limit
    }

    /// What to do when the subject's last message is not the head's.
    private mutating func resolve(_ conflict: Conflict, _ now: Duration) -> Step {
        if let event = conflict.found.conflicting {
            let reason =
                head.publishedVersion == .none
                ? "the subject has history that this database does not know; adopt the stream's head first"
                : "another writer published version \(event.version) as event \(event.id)"
            return report(.forked, reason, then: .wait(.seconds(30)))
        }
        // Messages that are no later version: the row goes behind them, unless the head's own event is no longer there.
        if let last = conflict.found.last, conflict.found.highest >= head.publishedVersion {
            return publish(conflict.envelope, expecting: last, now)
        }
        state = .readingState(conflict)
        return .ask(.state)
    }

    private mutating func resolve(
        _ conflict: Conflict, end: StreamSequence, last: LoggedMessage?, known: LoggedMessage?, _ now: Duration
    ) -> Step {
        let behind = conflict.found.last
        if let known, isHead(known) {
            // It is there: what refused the publish stands behind it.
            return publish(conflict.envelope, expecting: behind ?? conflict.expected, now)
        }
        // A sequence that the stream has not reached, or has used for another message, was lost and not trimmed.
        if conflict.expected > end || known != nil { return reopen(behind: last) }
        if let behind { return publish(conflict.envelope, expecting: behind, now) }
        guard last == nil else {
            return report(
                .headDeleted, "version \(head.publishedVersion) at \(conflict.expected) is gone",
                then: .wait(.seconds(30)))
        }
        return report(.trimmed, nil, then: .publish(conflict.envelope, expecting: .none))
    }

    private func isHead(_ message: LoggedMessage) -> Bool {
        guard message.message.subject == subject else { return false }
        // Adopting a head takes the subject's last message, whatever it is: a malformed one may stand in its place.
        guard let envelope = try? codec.decode(message.message) else { return true }
        return envelope.version >= head.publishedVersion
    }

    /// The stream has lost events that it had acknowledged. They are published again from the rows that are still held,
    /// from the last version on that the stream has; where one of them is not held, only a person can help.
    private mutating func reopen(behind last: LoggedMessage?) -> Step {
        guard let last else { return reopen(behind: .none, at: .none) }
        guard let envelope = try? codec.decode(last.message), envelope.version < head.publishedVersion else {
            return report(
                .tailLost, "its last message on the subject is no event of this history", then: .wait(.seconds(30)))
        }
        return reopen(behind: envelope.version, at: last.sequence)
    }

    private mutating func reopen(behind version: AggregateVersion, at sequence: StreamSequence) -> Step {
        state = .reopening(behind: version)
        return .reopen(head, behind: version, at: sequence)
    }

    private mutating func reopened(
        behind version: AggregateVersion, _ current: AggregateHead?, _ isDone: Bool
    ) -> Step {
        // Another relay has moved the head: the row's turn comes with that head.
        guard current?.publishedVersion == head.publishedVersion, current?.streamSequence == head.streamSequence else {
            return finish(.later(row, after: .zero))
        }
        let gone = "versions above \(version) up to \(head.publishedVersion) are gone"
        guard isDone else {
            return report(
                .tailLost, gone + ", and the outbox no longer holds all of them", then: .wait(.seconds(30)))
        }
        return report(.tailReopened, gone, then: .wait(.zero))
    }
}

/// What a run of one aggregate's rows came to.
package struct RelayRunResult: Hashable, Sendable {
    /// What to write of each row, in the order of the rows.
    package let marks: [RelayMark]
    /// Why the run ended early, when that was no fault of its aggregate.
    package let failure: EventLogError?
}

/// What to write of one row after it was published, or was not.
package enum RelayMark: Hashable, Sendable {
    /// It is in the stream.
    case published(OutboxRow, at: StreamSequence)
    /// It is to be taken again after a delay.
    case later(OutboxRow, after: Duration)

    /// Whether it is in the stream.
    package var isPublished: Bool { if case .published = self { true } else { false } }
}

/// What an operator has to know about a row.
package struct RelayIncident: Hashable, Sendable {
    /// The kinds of incident, each with its words.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// The row holds no event.
        case unreadable = "a staged event cannot be read back"
        /// The broker refuses the event for good.
        case refused = "a staged event cannot be published"
        /// Two writers have minted one version.
        case forked = "forked: the stream has another event of a version that is staged here"
        /// The last published event was deleted, and events before it were not.
        case headDeleted = "the head's event was deleted"
        /// Published events are gone, and the outbox cannot bring them back.
        case tailLost = "the stream has lost its tail"
        /// Published events are gone, and the outbox brings them back.
        case tailReopened = "the stream has lost its tail: it is published again from the outbox"
        /// The aggregate's history was trimmed: no fault.
        case trimmed = "the stream has trimmed an aggregate's history, its versions go on"
    }

    /// What kind of incident.
    package let kind: Kind
    /// The row.
    package let row: OutboxRow
    /// What was found, in words, where there is more to say.
    package let reason: String?
}
