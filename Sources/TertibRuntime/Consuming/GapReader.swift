import TertibCore

/// What reading the stream has shown about one gap so far, so that a long history is read once and not in every sweep.
struct GapTrace: Sendable {
    private(set) var watermark: AggregateVersion
    private var lowestParked: AggregateVersion
    /// Where the stream has the missing versions that were met; of two messages of a version the lower sequence.
    var found: [AggregateVersion: StreamSequence] = [:]
    /// The next message to read on the way back along the pointers; `nil` at the end of that way.
    var pointer: StreamSequence?
    /// The version above ``pointer``.
    var above: AggregateVersion
    /// Where the search through the subject goes on; `nil` at its end.
    private(set) var position: StreamSequence?
    /// Where it began: behind the watermark's own message, for stream order is version order as a rule. What lies
    /// before is searched last.
    private var start: StreamSequence
    private var isBeforeStart = false

    /// At most so many places are remembered for one gap.
    static let memoryLimit = 20_000

    init(_ gap: Gap) {
        watermark = gap.watermark
        lowestParked = gap.lowestParked
        above = gap.lowestParked
        pointer = Self.pointer(gap)
        start = Self.start(gap)
        position = start
    }

    /// Goes on with the gap as it is now. Returns whether the watermark has moved.
    mutating func follow(_ gap: Gap) -> Bool {
        let hasMoved = gap.watermark != watermark
        watermark = gap.watermark
        start = max(start, Self.start(gap))
        if let position, !isBeforeStart { self.position = max(position, start) }
        found = found.filter { $0.key > gap.watermark }
        if gap.lowestParked != lowestParked {
            lowestParked = gap.lowestParked
            above = gap.lowestParked
            pointer = Self.pointer(gap)
        }
        return hasMoved
    }

    /// Whether both ways have come to their end.
    var isExhausted: Bool { pointer == nil && position == nil }

    /// Forgets where the search ended: what was not there may be there later.
    mutating func startAgain() {
        position = start
        isBeforeStart = false
    }

    /// The search has read the message at `sequence`.
    mutating func searched(_ sequence: StreamSequence) {
        let next = StreamSequence(sequence.number + 1)
        position = isBeforeStart && next >= start ? nil : next
    }

    /// The search has come to the subject's end.
    mutating func searchedAll() {
        let isOver = isBeforeStart || start.number <= 1
        position = isOver ? nil : StreamSequence(1)
        isBeforeStart = true
    }

    private static func start(_ gap: Gap) -> StreamSequence {
        StreamSequence(gap.watermarkSequence.number + 1)
    }

    private static func pointer(_ gap: Gap) -> StreamSequence? {
        StoredEnvelope.predecessor(ofStored: gap.lowestStored).flatMap { $0 == .none ? nil : $0 }
    }
}

/// Finds the versions that one gap misses.
struct GapReader: Sendable {
    let log: any EventLog
    let codec: WireCodec
    let gap: Gap
    let maySearch: Bool
    /// Whether there is no room for more parked rows: then what is parked in between is read as well, so that one read
    /// closes many holes, and pointers, which lead to the nearest hole alone, are not followed.
    var isCrowded = false
    let time: any TimeSource
    /// The moment of monotonic time from which on nothing more is read.
    let end: Duration

    /// The run of versions directly above the watermark, as far as the stream is known to have them. Cancellation ends
    /// it after the read in hand: a replica that is asked to stop does not read on.
    func read(
        _ trace: inout GapTrace, limit: Int, budget: inout Int
    ) async throws(EventLogError) -> [LoggedMessage] {
        guard let wanted = gap.watermark.next else { return [] }
        if trace.found[wanted] == nil, !isCrowded { try await followPointers(&trace, budget: &budget) }
        if maySearch, !PlantedBug.repairNeverSearches.isActive {
            try await search(&trace, for: wanted, ahead: isCrowded ? limit : 1, budget: &budget)
        }
        var run: [LoggedMessage] = []
        var version = wanted
        while let sequence = trace.found[version], isCrowded || version < gap.lowestParked,
            run.count < limit, run.isEmpty || mayRead(budget)
        {
            guard let message = try await message(at: sequence), isEvent(message, version) else {
                trace.found[version] = nil  // it has gone since; perhaps there is a copy elsewhere
                trace.startAgain()
                break
            }
            run.append(message)
            budget -= 1
            guard let next = version.next else { break }
            version = next
        }
        return run
    }

    private func mayRead(_ budget: Int) -> Bool { budget > 0 && time.monotonic < end && !Task.isCancelled }

    /// Whether the place still has what was seen there: a stream that has lost its tail uses sequences again.
    private func isEvent(_ message: LoggedMessage, _ version: AggregateVersion) -> Bool {
        guard let envelope = try? codec.decode(message.message) else { return false }
        return envelope.aggregate == gap.aggregate && envelope.version == version
    }

    /// From the lowest parked event back: each event that was published with an expectation names its predecessor.
    private func followPointers(_ trace: inout GapTrace, budget: inout Int) async throws(EventLogError) {
        while let sequence = trace.pointer, mayRead(budget) {
            budget -= 1
            trace.pointer = nil
            guard let message = try await message(at: sequence), let envelope = try? codec.decode(message.message),
                envelope.aggregate == gap.aggregate, envelope.version < trace.above,
                envelope.version > gap.watermark
            else { return }
            trace.note(envelope.version, at: sequence)
            if envelope.version.follows(gap.watermark) { return }
            trace.above = envelope.version
            trace.pointer = message.message.predecessor.flatMap { $0 == .none ? nil : $0 }
        }
    }

    /// Through the aggregate's subject from the watermark's message on, and then what lies before it: stream order need
    /// not be version order. It ends when the `wanted` version and as many messages `ahead` of the watermark are known.
    private func search(
        _ trace: inout GapTrace, for wanted: AggregateVersion, ahead: Int, budget: inout Int
    ) async throws(EventLogError) {
        let subject = codec.mapping.subject(of: gap.aggregate)
        while trace.found[wanted] == nil || trace.found.count < ahead, let position = trace.position, mayRead(budget) {
            budget -= 1
            guard let message = try await log.firstMessage(on: subject, from: position, source: .leader) else {
                trace.searchedAll()
                continue
            }
            trace.searched(message.sequence)
            guard let envelope = try? codec.decode(message.message), envelope.aggregate == gap.aggregate,
                envelope.version > gap.watermark
            else { continue }
            trace.note(envelope.version, at: message.sequence)
        }
    }

    private func message(at sequence: StreamSequence) async throws(EventLogError) -> LoggedMessage? {
        if let message = try await log.message(at: sequence, from: .anyReplica) { return message }
        return try await log.message(at: sequence, from: .leader)
    }
}

extension GapTrace {
    /// Remembers where a version is.
    mutating func note(_ version: AggregateVersion, at sequence: StreamSequence) {
        if let known = found[version], known <= sequence { return }
        if found.count < Self.memoryLimit || version.follows(watermark) { found[version] = sequence }
    }
}

extension StoredEnvelope {
    /// The pointer of a stored message to its predecessor.
    static func predecessor(ofStored stored: [UInt8]) -> StreamSequence? {
        do {
            return try decode(stored, subject: "").predecessor
        } catch {
            return nil  // unreadable: then there is no pointer to follow, and the search finds what there is
        }
    }
}
