/// An aggregate whose next version is missing while later ones are parked.
public struct Gap: Hashable, Sendable {
    /// The aggregate.
    public let aggregate: Aggregate
    /// The last applied version.
    public let watermark: AggregateVersion
    /// The stream sequence of the event at ``watermark``: the missing ones stand behind it as a rule.
    public let watermarkSequence: StreamSequence
    /// The lowest parked version.
    public let lowestParked: AggregateVersion
    /// The lowest parked row's message (``StoredEnvelope``), whose pointer may name its predecessor.
    public let lowestStored: [UInt8]
    /// When its oldest row was parked.
    public let oldestParkedAt: Timestamp

    /// Creates a gap.
    public init(
        aggregate: Aggregate, watermark: AggregateVersion, watermarkSequence: StreamSequence,
        lowestParked: AggregateVersion, lowestStored: [UInt8], oldestParkedAt: Timestamp
    ) {
        self.aggregate = aggregate
        self.watermark = watermark
        self.watermarkSequence = watermarkSequence
        self.lowestParked = lowestParked
        self.lowestStored = lowestStored
        self.oldestParkedAt = oldestParkedAt
    }
}

/// Finds the versions that one gap misses in the stream: what reading it has shown so far, so that a long history is read
/// once and not in every sweep, and which message is read next. Verdicts come from versions only; pointers only locate.
///
/// A round begins with ``begin(_:_:)`` and goes on with ``advance(_:mayReadOn:)`` until ``Step/finish(_:)``. It ends early
/// when its reads are used up, or when it may not read on.
///
/// | state | input | next state, step |
/// |---|---|---|
/// | idle | round begins | following pointers, unless the next version has been found, or there is no room |
/// | following pointers | a pointer is left | `readMessage` from any replica; where that has none, from the leader |
/// | following pointers | an event of the gap | it is found; following pointers, until it is the next version |
/// | following pointers | anything else | searching |
/// | searching | more is needed, and the subject goes on | `searchSubject` |
/// | searching | a message | it is found if it is an event of the gap; searching |
/// | searching | nothing | what lies before the beginning is searched; then the search is over |
/// | searching | enough is found, or the search is over | collecting |
/// | collecting | the next version is found | `readMessage` |
/// | collecting | the event | it belongs to the run; collecting |
/// | collecting | nothing, or another message | its place is forgotten, the search starts again; idle, `finish` |
/// | collecting | the run is complete | idle, `finish` |
package struct GapSearch: Hashable, Sendable {
    /// What to read next.
    package enum Step: Hashable, Sendable {
        /// Read the message at a sequence: from the leader, whose "not there" proves something, or from any replica.
        case readMessage(at: StreamSequence, fromLeader: Bool)
        /// Read the first message on a subject at or after a sequence, from the leader.
        case searchSubject(String, from: StreamSequence)
        /// The run of versions directly above the watermark, as far as the stream is known to have them.
        case finish([LoggedMessage])
    }

    /// What was read.
    package enum Input: Hashable, Sendable {
        /// The round begins.
        case begin
        /// The message, if there is one.
        case message(LoggedMessage?)
    }

    /// How one round reads.
    package struct Round: Hashable, Sendable {
        /// Whether the subject may be searched, and not only pointers followed.
        package let maySearch: Bool
        /// Whether there is no room for more parked rows: then what is parked in between is read as well, so that one
        /// read closes many holes, and pointers, which lead to the nearest hole alone, are not followed.
        package let hasNoRoom: Bool
        /// Maximum number of versions in the run.
        package let limit: Int
        /// Maximum number of reads.
        package let reads: Int

        package init(maySearch: Bool, hasNoRoom: Bool = false, limit: Int, reads: Int) {
            self.maySearch = maySearch
            self.hasNoRoom = hasNoRoom
            self.limit = limit
            self.reads = reads
        }
    }

    private enum State: Hashable, Sendable {
        case idle
        case pointing(StreamSequence, fromLeader: Bool)
        case searching
        case collecting(AggregateVersion, StreamSequence, fromLeader: Bool)
    }

    /// Maximum number of places that are remembered for one gap.
    private static let memoryLimit = 20_000

    package private(set) var gap: Gap
    /// How many reads of the round are left.
    package private(set) var readsLeft = 0
    private var state = State.idle
    private var round = Round(maySearch: false, limit: 0, reads: 0)
    private var codec: WireCodec
    private var run: [LoggedMessage] = []

    /// Where the stream has the missing versions that were found; of two messages of a version the lower sequence.
    private var places: [AggregateVersion: StreamSequence] = [:]
    /// The next message to read on the way back along the pointers; `nil` at the end of that way.
    private var pointer: StreamSequence?
    /// The version above ``pointer``.
    private var above: AggregateVersion
    /// Where the search through the subject goes on; `nil` at its end.
    private var position: StreamSequence?
    /// Where the search began: behind the watermark's own message, for stream order is version order as a rule. What lies
    /// before is searched last.
    private var start: StreamSequence
    private var isBeforeStart = false

    package init(_ gap: Gap, codec: WireCodec) {
        self.gap = gap
        self.codec = codec
        above = gap.lowestParked
        pointer = gap.pointer
        start = gap.start
        position = start
    }

    /// Whether both ways have come to their end.
    package var isExhausted: Bool { pointer == nil && position == nil }

    /// Begins a round for the gap as it is now. Returns whether the watermark has moved.
    package mutating func begin(_ round: Round, _ gap: Gap) -> Bool {
        let hasMoved = follow(gap)
        self.round = round
        readsLeft = round.reads
        return hasMoved
    }

    private mutating func follow(_ next: Gap) -> Bool {
        let previous = gap
        gap = next
        start = max(start, next.start)
        if let position, !isBeforeStart { self.position = max(position, start) }
        places = places.filter { $0.key > next.watermark }
        if next.lowestParked != previous.lowestParked {
            above = next.lowestParked
            pointer = next.pointer
        }
        return next.watermark != previous.watermark
    }

    /// Forgets where the search ended: what was not there may be there later.
    package mutating func startAgain() {
        position = start
        isBeforeStart = false
    }

    /// Takes what was read, and returns what to read next. `mayReadOn` is false once the sweep has no time left, or the
    /// replica is asked to stop.
    package mutating func advance(_ input: Input, mayReadOn: Bool) -> Step {
        switch (state, input) {
        case (.idle, .begin):
            run = []
            guard let wanted = gap.watermark.next else { return finish() }
            return places[wanted] == nil && !round.hasNoRoom ? followPointer(mayReadOn) : search(mayReadOn)
        case (.pointing(let sequence, fromLeader: false), .message(nil)):
            state = .pointing(sequence, fromLeader: true)
            return .readMessage(at: sequence, fromLeader: true)
        case (.pointing(_, fromLeader: true), .message(nil)): return search(mayReadOn)
        case (.pointing(let sequence, _), .message(let found?)):
            guard let envelope = envelope(of: found), envelope.version < above, envelope.version > gap.watermark else {
                return search(mayReadOn)
            }
            remember(envelope.version, at: sequence)
            if envelope.version.follows(gap.watermark) { return search(mayReadOn) }
            above = envelope.version
            pointer = found.message.pointer
            return followPointer(mayReadOn)
        case (.searching, .message(nil)):
            searchedAll()
            return search(mayReadOn)
        case (.searching, .message(let found?)):
            searched(found.sequence)
            if let envelope = envelope(of: found), envelope.version > gap.watermark {
                remember(envelope.version, at: found.sequence)
            }
            return search(mayReadOn)
        case (.collecting(let version, let sequence, fromLeader: false), .message(nil)):
            state = .collecting(version, sequence, fromLeader: true)
            return .readMessage(at: sequence, fromLeader: true)
        case (.collecting(let version, _, fromLeader: true), .message(nil)): return forget(version)
        case (.collecting(let version, _, _), .message(let found?)):
            // A stream that has lost its tail uses sequences again.
            guard envelope(of: found)?.version == version else { return forget(version) }
            run.append(found)
            readsLeft -= 1
            return collect(version.next, mayReadOn)
        case (.idle, _), (_, .begin): preconditionFailure("an input that no step has asked for")
        }
    }

    /// From the lowest parked event back: each event that was published with an expectation names its predecessor.
    private mutating func followPointer(_ mayReadOn: Bool) -> Step {
        guard let sequence = pointer, mayReadOn, readsLeft > 0 else { return search(mayReadOn) }
        readsLeft -= 1
        pointer = nil
        state = .pointing(sequence, fromLeader: false)
        return .readMessage(at: sequence, fromLeader: false)
    }

    /// Through the aggregate's subject from the watermark's message on, and then what lies before it: stream order need
    /// not be version order. It ends when the next version, and where there is no room enough for a whole run, is found.
    private mutating func search(_ mayReadOn: Bool) -> Step {
        let needed = round.hasNoRoom ? round.limit : 1
        let isFound = gap.watermark.next.map { places[$0] != nil } ?? true
        guard round.maySearch, !isFound || places.count < needed, let position, mayReadOn, readsLeft > 0 else {
            return collect(gap.watermark.next, mayReadOn)
        }
        readsLeft -= 1
        state = .searching
        return .searchSubject(codec.mapping.subject(of: gap.aggregate), from: position)
    }

    private mutating func searched(_ sequence: StreamSequence) {
        let next = StreamSequence(sequence.number + 1)
        position = isBeforeStart && next >= start ? nil : next
    }

    /// The search has come to the subject's end.
    private mutating func searchedAll() {
        let isOver = isBeforeStart || start.number <= 1
        position = isOver ? nil : StreamSequence(1)
        isBeforeStart = true
    }

    /// Reads the run, the first of it in any case.
    private mutating func collect(_ version: AggregateVersion?, _ mayReadOn: Bool) -> Step {
        guard let version, let sequence = places[version], round.hasNoRoom || version < gap.lowestParked,
            run.count < round.limit, run.isEmpty || (mayReadOn && readsLeft > 0)
        else { return finish() }
        state = .collecting(version, sequence, fromLeader: false)
        return .readMessage(at: sequence, fromLeader: false)
    }

    /// The event has gone from its place; perhaps there is a copy elsewhere.
    private mutating func forget(_ version: AggregateVersion) -> Step {
        places[version] = nil
        startAgain()
        return finish()
    }

    private mutating func finish() -> Step {
        state = .idle
        defer { run = [] }
        return .finish(run)
    }

    private mutating func remember(_ version: AggregateVersion, at sequence: StreamSequence) {
        if let known = places[version], known <= sequence { return }
        if places.count < Self.memoryLimit || version.follows(gap.watermark) { places[version] = sequence }
    }

    /// The event of a message, if it is one of the aggregate.
    private func envelope(of found: LoggedMessage) -> Envelope? {
        guard let envelope = try? codec.decode(found.message), envelope.aggregate == gap.aggregate else {
            return nil  // a message that breaks the contract holds no version of this aggregate
        }
        return envelope
    }
}

extension Gap {
    /// Where the search begins.
    fileprivate var start: StreamSequence { StreamSequence(watermarkSequence.number + 1) }

    /// The pointer of the lowest parked message to its predecessor.
    fileprivate var pointer: StreamSequence? {
        do {
            return try StoredEnvelope.decode(lowestStored, subject: "").pointer
        } catch {
            return nil  // unreadable: then there is no pointer to follow, and the search finds what there is
        }
    }
}

extension WireMessage {
    /// The message before this one on its subject, where there is one and the publisher has named it.
    fileprivate var pointer: StreamSequence? { predecessor == StreamSequence.none ? nil : predecessor }
}
