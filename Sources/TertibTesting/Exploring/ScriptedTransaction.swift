import TertibRuntime
import TertibCore

/// A transaction that is told beforehand what the store will say, and notes what is written.
final class ScriptedTransaction: StoreTransaction {
    private let vocabulary: ExplorerVocabulary
    private var answers: ArraySlice<StoreAnswer>
    private(set) var writes: [StoreWrite] = []
    /// The first call that has no answer yet: it stops the body, as an outage does.
    private(set) var suspended: (call: StoreCall, writes: [StoreWrite])?
    private(set) var claimed: UInt8 = 0
    private(set) var infrastructureFailure: StoreError?
    /// The aggregate whose watermark was written without a claim.
    private(set) var wroteUnclaimed: Aggregate?
    private var failedStatement: StoreError?
    private var reads = 0
    private var expected: [Aggregate: Watermark] = [:]

    /// Answers what a relay asks of the outbox; `nil` in a world without one.
    private let outbox: RelayScript?

    init(_ vocabulary: ExplorerVocabulary, answers: [StoreAnswer], outbox: RelayScript? = nil) {
        self.vocabulary = vocabulary
        self.outbox = outbox
        self.answers = answers[...]
    }

    private func answer(_ call: StoreCall) throws -> StoreAnswer {
        if let infrastructureFailure { throw infrastructureFailure }
        if let failedStatement { throw failedStatement }
        guard let answer = answers.popFirst() else {
            suspended = (call, writes)
            let failure = StoreError(.unavailable, attempted: "run a statement", reason: "there is no answer yet")
            infrastructureFailure = failure
            throw failure
        }
        guard answer != .conflict else {
            let failure = StoreError(.conflict, attempted: "run a statement", reason: "a neighbour was faster")
            infrastructureFailure = failure
            throw failure
        }
        return answer
    }

    func now() throws -> Timestamp { ExplorerVocabulary.now }

    func savepoint<Result>(_ body: () throws -> Result) throws -> Result {
        let mark = writes.count
        do {
            let result = try body()
            if let failedStatement { throw failedStatement }
            if let infrastructureFailure { throw infrastructureFailure }
            return result
        } catch {
            if let infrastructureFailure { throw infrastructureFailure }
            writes.removeSubrange(mark...)
            failedStatement = nil
            throw error
        }
    }

    // MARK: - The handler's statements

    func execute(_ sql: String, arguments: [SQLValue]) throws -> Int {
        guard case .integer(let number)? = arguments.first else { throw Self.unknown(sql) }
        if try answer(.effect(message: Int(number))) == .failure {
            let failure = StoreError(.statement, attempted: "insert an effect", reason: "it is there already")
            failedStatement = failure
            throw failure
        }
        writes.append(.effect(message: Int(number)))
        return 1
    }

    func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow] {
        guard case .integer(let number)? = arguments.first else { throw Self.unknown(sql) }
        let fails = try answer(.outcome(message: Int(number))) == .failure
        return fails ? [SQLRow(columns: ["fails"], values: [.integer(1)])] : []
    }

    static func unknown(_ attempted: String) -> StoreError {
        StoreError(.statement, attempted: attempted, reason: "a small world has nothing like it")
    }

    /// Whether the statement outside of a savepoint has failed that makes a commit impossible.
    var isCommittable: Bool { failedStatement == nil && infrastructureFailure == nil }
}

// MARK: - Sequencing

extension ScriptedTransaction {
    func watermarks(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [Aggregate: Watermark] {
        let answer = try answer(.watermarks(vocabulary.mask(of: aggregates)))
        reads += 1
        var found: [Aggregate: Watermark] = [:]
        for aggregate in aggregates {
            let index = vocabulary.index(of: aggregate)
            let row = answer[row: index]
            if row.exists { found[aggregate] = vocabulary.watermark(row, of: index, revision: Int64(reads)) }
        }
        return found
    }

    /// A row's revision is the number of the read that it comes from: whether the row has changed since is the store
    /// model's to say.
    func claim(_ consumer: ConsumerName, _ expected: [Watermark]) throws -> [Aggregate: Watermark] {
        let outdated = expected.filter { $0.exists && $0.revision != Int64(reads) }.map(\.aggregate)
        let all = vocabulary.mask(of: expected.map(\.aggregate))
        let won = try answer(.claim(all, outdated: vocabulary.mask(of: outdated)))[0]
        claimed |= UInt8(truncatingIfNeeded: won)
        var rows: [Aggregate: Watermark] = [:]
        for var row in expected {
            let index = vocabulary.index(of: row.aggregate)
            guard won >> UInt64(index) & 1 == 1 else { continue }
            row.revision = Int64(reads) + 1
            rows[row.aggregate] = row
            writes.append(.row(aggregate: index, ExplorerVocabulary.packed(row)))
        }
        return rows
    }

    func write(_ consumer: ConsumerName, _ watermarks: [Watermark]) throws {
        for row in watermarks {
            let index = vocabulary.index(of: row.aggregate)
            guard claimed >> UInt8(index) & 1 == 1 else {
                wroteUnclaimed = row.aggregate
                throw Self.unknown("write an unclaimed watermark")
            }
            writes.append(.row(aggregate: index, ExplorerVocabulary.packed(row)))
        }
    }

    func parked(
        _ consumer: ConsumerName, of aggregate: Aggregate, from version: AggregateVersion, limit: Int
    ) throws -> [ParkedEvent] {
        let index = vocabulary.index(of: aggregate)
        let answer = try answer(.parked(aggregate: index, from: Int(version.number)))
        return (0..<SmallWorld.limits.versions).compactMap { position in
            let row = answer[parked: position]
            return row.exists ? vocabulary.parkedEvent(row) : nil
        }
    }

    func park(_ consumer: ConsumerName, _ events: [ParkedEvent]) throws -> [ParkedEvent] {
        let rows = events.map(ExplorerVocabulary.packed)
        let answer = try answer(.park(rows))
        var there: [ParkedEvent] = []
        for (position, row) in rows.enumerated() {
            let existing = answer[parked: position]
            if existing.exists {
                there.append(vocabulary.parkedEvent(existing))
            } else {
                writes.append(.park(row))
            }
        }
        return there
    }

    func replaceParked(_ consumer: ConsumerName, _ event: ParkedEvent) throws {
        writes.append(.park(ExplorerVocabulary.packed(event)))
    }

    func deleteParked(
        _ consumer: ConsumerName, of aggregate: Aggregate, through version: AggregateVersion
    ) throws -> Int {
        let index = vocabulary.index(of: aggregate)
        let count = try answer(.deleteParked(aggregate: index, through: Int(version.number)))[0]
        writes.append(.deleteParked(aggregate: index, through: Int(version.number)))
        return Int(count)
    }

    func saveDeadLetter(_ consumer: ConsumerName, _ deadLetter: DeadLetter) throws {
        let reason = DeadLetterReason.allCases.firstIndex(of: deadLetter.reason) ?? 0
        let letter = PackedLetter(reason: reason, attempts: deadLetter.attempts)
        writes.append(.letter(message: ExplorerVocabulary.message(at: deadLetter.streamSequence), letter))
    }

    /// The lower halves of the words say which messages are dead letters, the upper ones which of them have failed.
    func openDeadLetters(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [DeadLetterKey] {
        let answer = try answer(.openDeadLetters(vocabulary.mask(of: aggregates)))
        return vocabulary.envelopes.indices.filter { answer[0] >> UInt64($0) & 1 == 1 }.map { message in
            let envelope = vocabulary.envelopes[message]
            return DeadLetterKey(
                aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id,
                reason: answer[1] >> UInt64(message) & 1 == 1 ? .failed : .forked,
                streamSequence: ExplorerVocabulary.sequence(message))
        }
    }

    func leftoverDrains(_ consumer: ConsumerName, limit: Int) throws -> [Aggregate] {
        aggregates(try answer(.leftoverDrains))
    }

    func dueRetries(
        _ consumer: ConsumerName, now: Timestamp, maxDelay: Duration, limit: Int
    ) throws -> [Aggregate] {
        aggregates(try answer(.dueRetries))
    }

    private func aggregates(_ answer: StoreAnswer) -> [Aggregate] {
        vocabulary.aggregates.indices.filter { answer[0] >> UInt64($0) & 1 == 1 }.map { vocabulary.aggregates[$0] }
    }

    /// A word an aggregate: the watermark, and the lowest parked message plus one.
    func gaps(_ consumer: ConsumerName, parkedBefore limitTime: Timestamp, limit: Int) throws -> [Gap] {
        let answer = try answer(.gaps)
        return vocabulary.aggregates.indices.compactMap { index in
            let word = answer[index]
            guard word >> 8 > 0 else { return nil }
            let lowest = vocabulary.envelopes[Int(word >> 8) - 1]
            return Gap(
                aggregate: vocabulary.aggregates[index], watermark: ExplorerVocabulary.version(Int(word & 0xFF)),
                watermarkSequence: .none, lowestParked: lowest.version, lowestStored: [],
                oldestParkedAt: ExplorerVocabulary.now.advanced(by: .seconds(-3600)))
        }
    }

    func parkedCount(_ consumer: ConsumerName) throws -> Int { Int(try answer(.parkedCount)[0]) }

    func registration(
        _ consumer: ConsumerName, insertingIfAbsent fresh: ConsumerRegistration
    ) throws -> ConsumerRegistration { fresh }

    func writeRegistration(_ consumer: ConsumerName, _ registration: ConsumerRegistration) throws {
        throw Self.unknown("write a registration")
    }
}

// MARK: - Publishing, which worlds of relays do

extension ScriptedTransaction {
    func head(of aggregate: Aggregate) throws -> AggregateHead? { nil }

    func compareAndSetHead(_ expected: AggregateHead?, to head: AggregateHead) throws -> Bool { false }

    func insertOutbox(_ row: OutboxRow) throws { throw Self.unknown("stage") }

    func claimOutbox(now: Timestamp, lease: Duration, limit: Int) throws -> [OutboxClaim] {
        try outbox?.claim(limit: limit) ?? []
    }

    func markPublished(_ row: OutboxRow, at sequence: StreamSequence, now: Timestamp) throws {
        guard let outbox else { throw Self.unknown("mark a row as published") }
        try outbox.markPublished(row, at: sequence)
    }

    func releaseOutbox(_ row: OutboxRow, notBefore time: Timestamp) throws {
        guard let outbox else { throw Self.unknown("release a row") }
        try outbox.release(row)
    }

    func reopenOutbox(
        _ expected: AggregateHead, behind version: AggregateVersion, at sequence: StreamSequence
    ) throws -> Bool { false }

    func deletePublished(before time: Timestamp, limit: Int) throws -> Int { 0 }
}
