import TertibRuntime
import TertibCore

/// What a relay's round is told: the answers so far, by one store and one log. At the first call without an answer it
/// notes the call; from then on everything fails, so that the round ends without waiting for anybody.
///
/// `@unchecked Sendable`: a round runs on the thread that drives it alone.
final class RelayScript: @unchecked Sendable {
    let vocabulary: ExplorerVocabulary
    private var answers: ArraySlice<RelayAnswer>
    /// The call that has no answer.
    private(set) var pending: RelayCall?
    private var published: [Int: Int] = [:]
    private var later: [Int] = []
    private var slept: Duration = .zero

    init(_ vocabulary: ExplorerVocabulary, answers: [RelayAnswer]) {
        self.vocabulary = vocabulary
        self.answers = answers[...]
    }

    func answer(_ call: RelayCall) -> RelayAnswer? {
        guard pending == nil else { return nil }
        guard let answer = answers.popFirst() else {
            pending = call
            return nil
        }
        return answer
    }

    /// The index of an event whose rows and messages the world has.
    func event(_ row: OutboxRow) throws -> Int {
        guard let event = vocabulary.message(of: row.eventID) else { throw ScriptedTransaction.unknown("find a row") }
        return event
    }

    func row(_ event: Int) -> OutboxRow {
        let envelope = vocabulary.envelopes[event]
        return OutboxRow(
            position: Int64(event), aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id,
            stored: StoredEnvelope.encode(vocabulary.messages[event]), stagedAt: ExplorerVocabulary.now)
    }

    func rows(_ mask: UInt8) -> [OutboxRow] { UInt64(mask).members.map { row(RelayVocabulary.message(of: $0)) } }

    // MARK: - The outbox

    func claim(limit: Int) throws -> [OutboxClaim] {
        switch answer(.claim(limit: limit)) {
        case .claims(let mask, let heads)?:
            return UInt64(mask).members.map { event in
                let aggregate = event / 4
                var head = AggregateHead(aggregate: vocabulary.aggregates[aggregate])
                head.publishedVersion = ExplorerVocabulary.version(heads[aggregate].x)
                head.streamSequence = StreamSequence(UInt64(heads[aggregate].y))
                return OutboxClaim(row: row(RelayVocabulary.message(of: event)), head: head)
            }
        case .commitUnknown?: throw Self.commitUnknown
        default: throw RelaySuspended()
        }
    }

    func markPublished(_ row: OutboxRow, at sequence: StreamSequence) throws {
        published[RelayVocabulary.event(of: try event(row))] = Int(sequence.number)
    }

    func release(_ row: OutboxRow) throws { later.append(RelayVocabulary.event(of: try event(row))) }

    /// Commits what a transaction has marked.
    func commit() throws {
        guard !published.isEmpty || !later.isEmpty else { return }
        let call = RelayCall.mark(published: published, later: later.sorted())
        (published, later) = ([:], [])
        switch answer(call) {
        case .done?: return
        case .commitUnknown?: throw Self.commitUnknown
        default: throw RelaySuspended()
        }
    }

    private static let commitUnknown = StoreError(
        .commitUnknown, attempted: "commit", reason: "the connection was lost")
}

/// Ends a round that has no answer.
struct RelaySuspended: Error {}

/// Events of a world of relays are numbered by aggregate and version; the vocabulary has one message after the other.
enum RelayVocabulary {
    static func message(of event: Int) -> Int { event / 4 * RelayWorld.limits.versions + event % 4 }
    static func event(of message: Int) -> Int {
        message / RelayWorld.limits.versions * 4 + message % RelayWorld.limits.versions
    }

    /// All events that a world of relays may have.
    static func vocabulary() throws -> ExplorerVocabulary {
        let limits = RelayWorld.limits
        return try ExplorerVocabulary(
            SmallWorld("relays", (0..<limits.aggregates).flatMap { SmallWorld.history($0, limits.versions) }))
    }
}

// MARK: - Time

extension RelayScript: TimeSource {
    var monotonic: Duration { slept }
    var wall: Timestamp { ExplorerVocabulary.now }

    /// So much time passes that nobody asks again.
    func losePatience() { slept += .seconds(3600) }

    /// Returns at once: what passes meanwhile are steps of others.
    func sleep(for duration: Duration) async throws {
        if pending != nil { throw RelaySuspended() }
        slept += duration
    }
}
