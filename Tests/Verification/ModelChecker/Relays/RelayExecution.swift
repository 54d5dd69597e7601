import TertibCore

/// A call of a relay's round whose answer depends on what store and stream have.
enum RelayCall: Hashable {
    case count
    case claim(limit: Int)
    /// The unpublished rows of aggregates, a bit each.
    case rows(UInt8)
    case publish(RelayEntry, expecting: Int)
    case message(Int)
    case next(aggregate: Int, after: Int)
    case last(aggregate: Int)
    case streamState
    /// The results of the round: rows published, each with its sequence, and rows to be taken later.
    case mark(published: [Int: Int], later: [Int])
}

/// What store or stream says.
enum RelayAnswer: Hashable {
    case number(Int)
    /// Bits by event.
    case rows(UInt8)
    /// Bits by event, and the heads: published version and place, by aggregate.
    case claims(UInt8, heads: [SIMD2<Int>])
    case stored(Int, isDuplicate: Bool)
    case unexpected(Int)
    case unknown
    /// No answer, however often the relay asks again.
    case silence
    /// A sequence and its message; 0 without one.
    case message(Int, RelayEntry, predecessor: Int)
    case done
    case commitUnknown
}

/// One round of a relay: the product's machines, up to their next call.
final class RelayExecution: Execution {
    private let fixtures: RelayFixtures
    private var round: RelayRound
    /// The runs of a round, one after the other.
    private var runs: [RelayRun] = []
    private var running = 0
    private var marks: [RelayMark] = []
    private var failure: EventLogError?
    /// The relay's clock, which moves by what the relay waits for.
    private var now: Duration = .zero
    /// `nil` when the round is over.
    private(set) var call: RelayCall?
    /// Why it failed, if it did.
    private(set) var error: String?

    /// A round that begins.
    init(_ fixtures: RelayFixtures, inFlight: Int) {
        self.fixtures = fixtures
        round = RelayRound(inFlight: inFlight, codec: fixtures.base.codec)
        follow(round.begin())
    }

    private init(copying other: RelayExecution) {
        fixtures = other.fixtures
        round = other.round
        (runs, running, marks, failure) = (other.runs, other.running, other.marks, other.failure)
        now = other.now
    }

    var beginning: Never? { nil }

    func resumed(after answer: RelayAnswer) -> RelayExecution {
        let next = RelayExecution(copying: self)
        switch (call, answer) {
        case (_, .commitUnknown): next.error = "the commit's outcome is unknown"
        case (.count, .number(let rows)): next.follow(next.round.next(.counted(rows)))
        case (.claim, .claims(let rows, let heads)):
            next.follow(next.round.next(.claimed(fixtures.claims(rows, heads))))
        case (.rows, .rows(let mask)) where runs.isEmpty:
            next.follow(next.round.next(.rows(Dictionary(grouping: fixtures.rows(mask), by: \.aggregate))))
        case (.rows, .rows(let mask)): next.run(.rows(fixtures.rows(mask)))
        case (.mark, .done): next.follow(next.round.next(.marked))
        default: next.run(.answer(next.logAnswer(answer)))
        }
        return next
    }

    private func follow(_ step: RelayRound.Step) {
        switch step {
        case .count: call = .count
        case .claim(let limit, _): call = .claim(limit: limit)
        case .readRows(let aggregates, _): call = .rows(fixtures.base.mask(of: aggregates))
        case .publish(let runs):
            self.runs = runs
            beginRun()
        case .mark(let marks):
            var published: [Int: Int] = [:]
            var later: [Int] = []
            for mark in marks {
                switch mark {
                case .published(let row, let sequence): published[fixtures.event(row)] = Int(sequence.number)
                case .later(let row, _): later.append(fixtures.event(row))
                }
            }
            call = .mark(published: published, later: later.sorted())
        case .finished: call = nil
        case .failed: error = "its runs failed: \(failure.map { "\($0)" } ?? "for no reason")"
        }
    }

    private func beginRun() {
        guard running < runs.count else {
            return follow(round.next(.ran(marks, isFailing: failure != nil)))
        }
        followRun(runs[running].begin(now: now))
    }

    private func run(_ input: RelayRun.Input) { followRun(runs[running].next(input, now: now)) }

    /// Takes the run's steps up to the next call.
    private func followRun(_ first: RelayRun.Step) {
        var step = first
        while true {
            switch step {
            case .ask(let request):
                call = fixtures.call(request)
                return
            case .readRows(let aggregate, _):
                call = .rows(fixtures.base.mask(of: [aggregate]))
                return
            case .wait(_, let longest):
                now += longest
                step = runs[running].next(.waited, now: now)
            case .report: step = runs[running].next(.reported, now: now)
            // This stream loses nothing, so that there is nothing to publish again.
            case .reopen: step = runs[running].next(.reopened(nil, isDone: false), now: now)
            case .finished(let result):
                marks += result.marks
                failure = failure ?? result.failure
                running += 1
                return beginRun()
            }
        }
    }

    private func logAnswer(_ answer: RelayAnswer) -> LogAnswer {
        switch answer {
        case .stored(let sequence, let isDuplicate):
            return .published(.stored(sequence: StreamSequence(UInt64(sequence)), isDuplicate: isDuplicate))
        case .unexpected(let actual): return .published(.unexpected(actual: StreamSequence(UInt64(actual))))
        case .unknown: return .published(.unknown(RelayFixtures.timeout))
        case .silence:
            now += .seconds(3600)
            return .published(.unknown(RelayFixtures.timeout))
        case .message(let sequence, let entry, let predecessor):
            return .message(entry.exists ? fixtures.logged(entry, at: sequence, behind: predecessor) : nil)
        case .number(let last): return .state(fixtures.streamState(last: last))
        case .rows, .claims, .done, .commitUnknown: preconditionFailure("the stream does not answer \(answer)")
        }
    }
}

/// The product's values for the numbers of a world of relays.
struct RelayFixtures: Sendable {
    /// Every event that a scenario of relays may have.
    let base: Fixtures

    static let timeout = EventLogError(.timedOut, attempted: "ask a small world's stream", reason: "no answer")

    init() throws {
        let limits = RelayScenario.limits
        base = try Fixtures(
            ConsumerScenario(
                "relays", (0..<limits.aggregates).flatMap { ConsumerScenario.history($0, limits.versions) }))
    }

    func envelope(_ entry: RelayEntry) -> Envelope {
        var envelope = base.envelopes[entry.event]
        // The id of a staged event is good, and remains so.
        if entry.isAlien, let id = try? EventID("another \(envelope.id)") { envelope.id = id }
        return envelope
    }

    func logged(_ entry: RelayEntry, at sequence: Int, behind predecessor: Int) -> LoggedMessage {
        var message = base.codec.encode(envelope(entry))
        message.headers.append(HeaderField(Header.expectedLastSubjectSequence, "\(predecessor)"))
        return LoggedMessage(
            message: message, sequence: StreamSequence(UInt64(sequence)), storedAt: Fixtures.now)
    }

    func streamState(last: Int) -> StreamState {
        StreamState(
            name: base.streamName, createdAt: Fixtures.now, messages: UInt64(last), firstSequence: StreamSequence(1),
            lastSequence: StreamSequence(UInt64(last)))
    }

    func event(_ row: OutboxRow) -> Int { base.message(of: row.eventID) ?? 0 }

    func rows(_ mask: UInt8) -> [OutboxRow] {
        mask.members.map { event in
            let envelope = base.envelopes[event]
            return OutboxRow(
                position: Int64(event), aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id,
                stored: StoredEnvelope.encode(base.messages[event]), stagedAt: Fixtures.now)
        }
    }

    func claims(_ mask: UInt8, _ heads: [SIMD2<Int>]) -> [OutboxClaim] {
        rows(mask).map { row in
            let head = heads[base.index(of: row.aggregate)]
            return OutboxClaim(
                row: row,
                head: AggregateHead(
                    aggregate: row.aggregate, publishedVersion: Fixtures.version(head.x),
                    streamSequence: StreamSequence(UInt64(head.y))))
        }
    }

    func call(_ request: LogRequest) -> RelayCall {
        switch request {
        case .publish(let message, let expected): .publish(entry(of: message), expecting: Int(expected.number))
        case .message(let sequence): .message(Int(sequence.number))
        case .nextMessage(let subject, let sequence):
            .next(aggregate: aggregate(on: subject), after: Int(sequence.number))
        case .lastMessage(let subject): .last(aggregate: aggregate(on: subject))
        case .state: .streamState
        }
    }

    /// What the stream would have of a message: an event with another id than the one that was staged is an alien.
    private func entry(of message: WireMessage) -> RelayEntry {
        guard let envelope = try? base.codec.decode(message),
            let event = base.envelopes.firstIndex(where: {
                $0.aggregate == envelope.aggregate && $0.version == envelope.version
            })
        else { preconditionFailure("a relay publishes what is none of this world's events") }
        return RelayEntry(event: event, isAlien: base.envelopes[event].id != envelope.id)
    }

    private func aggregate(on subject: String) -> Int {
        let index = base.aggregates.firstIndex { base.codec.mapping.subject(of: $0) == subject }
        guard let index else { preconditionFailure("a subject that is not in this world") }
        return index
    }
}
