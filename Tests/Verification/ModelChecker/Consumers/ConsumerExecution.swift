import TertibCore

/// What a thread works on in one go: the deliveries of a batch, aggregates to wake, messages of a repair, or a sweep.
struct ConsumerWork: Hashable {
    /// Deliveries, two bits a message: a copy's rank in the batch is its number.
    var arrivals: UInt64 = 0
    var holdable: UInt64 = 0
    var repair: UInt32 = 0
    var wakes: UInt8 = 0
    var isSweep = false
}

/// The transactions of a batch, or that of a sweep: the product's machines, up to their next call.
final class ConsumerExecution: Execution {
    /// How a transaction has ended.
    enum End {
        /// It is to be committed.
        case finished(Result)
        /// It is rolled back, and what it was about joins the next batch.
        case conflict
        case failed(String)
        /// Aggregates to wake, and messages that a repair would find.
        case swept(wakes: UInt8, repair: UInt32)
    }

    /// What a committed transaction leaves behind; deliveries are named by message and rank.
    struct Result {
        var acknowledged: UInt64
        var carried: UInt64
        var held: UInt64
        var report: BatchReport
    }

    /// What all executions of a world have in common.
    final class Context {
        let setup: ConsumerScenario
        let fixtures: Fixtures
        let tables: ConsumerTables
        let rules: BatchTransaction.Rules
        let settings: ConsumerSettings

        init(_ setup: ConsumerScenario, _ fixtures: Fixtures, _ tables: ConsumerTables) {
            (self.setup, self.fixtures, self.tables) = (setup, fixtures, tables)
            settings = ConsumerSettings(
                name: fixtures.consumer, retry: RetryPolicy(maxAttempts: setup.maxAttempts),
                maxParkedPerAggregate: setup.parkedLimit)
            rules = BatchTransaction.Rules(
                settings: settings,
                registration: ConsumerRegistration(
                    storeID: "explored", stream: fixtures.streamName, streamCreatedAt: Fixtures.now),
                codec: fixtures.codec, drainLimit: setup.drainLimit)
        }
    }

    let work: ConsumerWork
    private let context: Context
    private let batch: Batch
    private var attempts: BatchAttempts
    private var transaction: BatchTransaction
    private var sweep: SweepTransaction
    /// Which transaction of the batch it is, from 1.
    private(set) var attempt = 0
    /// The next call; ``StoreCall/end`` when the transaction has ended.
    private(set) var call = StoreCall.end
    private(set) var end: End?
    /// What the transaction has written, in order.
    private(set) var writes: [StoreWrite] = []
    /// The aggregates whose rows it has locked.
    private(set) var claimed: UInt8 = 0
    /// The aggregate whose watermark it has written without a claim.
    private(set) var wroteUnclaimed: Aggregate?
    /// The answer to the call before ``call``.
    private(set) var lastAnswer = StoreAnswer.done
    /// How often it has read watermarks: the revision of a row is the number of the read that it comes from, and whether
    /// the row has changed since is decided by the world.
    private var reads = 0
    /// The aggregates whose watermarks are being read, and the rows that are being claimed, in the machine's order.
    private var asked: [Int] = []
    private var claims: [Watermark] = []
    /// The event whose handler runs, and what was written before it under its savepoint.
    private var running: (message: Int, savepoint: Int?)?

    private var fixtures: Fixtures { context.fixtures }
    private var tables: ConsumerTables { context.tables }

    /// An execution that begins.
    init(_ work: ConsumerWork, _ context: Context) {
        (self.work, self.context) = (work, context)
        let fixtures = context.fixtures
        func arrival(_ message: Int, ticket: Int, _ origin: Arrival.Origin) -> Arrival {
            Arrival(
                ticket: Arrival.Ticket(ticket), origin: origin, envelope: fixtures.envelopes[message],
                message: fixtures.messages[message], sequence: Fixtures.sequence(message))
        }
        let tickets = work.arrivals.members
        batch = Batch(
            arrivals: tickets.map { arrival($0 / 2, ticket: $0, .delivery) }
                + work.repair.members.map { arrival($0, ticket: 64 + $0, .repair) },
            wakes: Set(work.wakes.members.map { fixtures.aggregates[$0] }),
            holdable: tickets.map { work.holdable >> UInt64($0) & 1 == 1 } + work.repair.members.map { _ in false })
        // Events that the sweeper wakes may have failed before, so that each of them gets a savepoint.
        attempts = BatchAttempts(batch, rules: context.rules, knownParked: 0, isCareful: work.wakes != 0)
        transaction = BatchTransaction(batch, mode: .fast, rules: context.rules, knownParked: 0)
        sweep = SweepTransaction(settings: context.settings, gapLimit: 64)
        if work.isSweep {
            follow(sweep.advance(.begun(at: Fixtures.now)))
        } else {
            follow(attempts.advance(.begin, at: .zero))
        }
    }

    private init(copying other: ConsumerExecution) {
        (work, context, batch) = (other.work, other.context, other.batch)
        (attempts, transaction, sweep) = (other.attempts, other.transaction, other.sweep)
        (attempt, call, writes, claimed) = (other.attempt, other.call, other.writes, other.claimed)
        (reads, asked, claims, running) = (other.reads, other.asked, other.claims, other.running)
    }

    /// Where the transaction begins, what came before it makes no difference: it was rolled back.
    var beginning: BatchAttempts? { reads == 0 && !work.isSweep && end == nil ? attempts : nil }

    func resumed(after answer: StoreAnswer) -> ConsumerExecution {
        let next = ConsumerExecution(copying: self)
        next.lastAnswer = answer
        next.resume(answer)
        return next
    }

    private func resume(_ answer: StoreAnswer) {
        guard answer != .conflict else {
            return follow(attempts.advance(.interrupted(reason: "another transaction was faster"), at: .zero))
        }
        switch call {
        case .watermarks: follow(transaction.advance(.watermarks(watermarks(answer))))
        case .claim: follow(transaction.advance(.claimed(claim(answer[0]))))
        case .openDeadLetters(let aggregates):
            follow(transaction.advance(.deadLetters(deadLetters(of: aggregates, answer))))
        case .parked: follow(transaction.advance(.parked((0..<8).compactMap { tables.parked[answer[$0]] })))
        case .effect(let message): run(message)
        case .outcome: endHandler(failure: answer == .failure ? "it fails now" : nil)
        case .park(let rows): follow(transaction.advance(.alreadyParked(park(rows, answer))))
        case .deleteParked(let aggregate, let through):
            writes.append(.deleteParked(aggregate: aggregate, through: through))
            follow(transaction.advance(.deleted(Int(answer[0]))))
        case .parkedCount: follow(sweep.advance(.parkedCount(Int(answer[0]))))
        case .leftoverDrains, .dueRetries:
            follow(sweep.advance(.aggregates(answer[0].members.map { fixtures.aggregates[$0] })))
        case .gaps: follow(sweep.advance(.gaps(gaps(answer))))
        case .end: preconditionFailure("a transaction that has ended goes on")
        }
    }

    // MARK: - Attempts

    private func follow(_ step: BatchAttempts.Step) {
        switch step {
        case .run(let transaction):
            self.transaction = transaction
            attempt += 1
            (writes, claimed, reads, running) = ([], 0, 0, nil)
            follow(self.transaction.advance(.begun(at: Fixtures.now, random: 0)))
        case .fail: end(.conflict)
        case .finish: end(.failed("a batch ends without a commit"))
        }
    }

    private func end(_ end: End) {
        call = .end
        self.end = end
    }

    private func finish(_ report: BatchReport) {
        var backlog = Backlog<Arrival>()
        func take(adding arrivals: [Arrival]) -> [Arrival] {
            backlog.take(
                adding: arrivals, malformed: [], limit: .max, now: .zero, hold: context.settings.gapHold,
                heldLimit: .max
            ).items
        }
        _ = take(adding: batch.arrivals)
        backlog.committed(report, now: .zero)
        func mask(_ tickets: some Sequence<Arrival.Ticket>) -> UInt64 {
            // What a repair has read has no delivery.
            tickets.filter { $0.number < 64 }.reduce(0) { $0 | 1 << UInt64($1.number) }
        }
        let held = zip(batch.arrivals, report.dispositions).filter { $1 == .held }.map(\.0.ticket)
        end(
            .finished(
                Result(
                    acknowledged: mask(report.acknowledged(of: batch)),
                    carried: mask(take(adding: []).map(\.ticket)), held: mask(held), report: report)))
    }

    // MARK: - Steps of a transaction

    /// Takes the steps that need no answer of the store, up to the next call.
    private func follow(_ first: BatchTransaction.Step) {
        var step = first
        while true {
            switch step {
            case .readWatermarks(let aggregates):
                asked = aggregates.map(fixtures.index)
                return call = .watermarks(fixtures.mask(of: aggregates))
            case .claim(let rows):
                claims = rows
                let outdated = rows.filter { $0.exists && $0.revision != Int64(reads) }.map(\.aggregate)
                return call = .claim(
                    fixtures.mask(of: rows.map(\.aggregate)), outdated: fixtures.mask(of: outdated))
            case .readDeadLetters(let aggregates): return call = .openDeadLetters(fixtures.mask(of: aggregates))
            case .readTime: step = transaction.advance(.time(.zero))
            case .readParked(let aggregate, let version, _):
                return call = .parked(aggregate: fixtures.index(of: aggregate), from: Int(version.number))
            case .apply(let event, let isUnderSavepoint):
                let message = message(of: event)
                running = (message, isUnderSavepoint ? writes.count : nil)
                return call = .effect(message: message)
            case .deleteParked(let aggregate, let version):
                return call = .deleteParked(aggregate: fixtures.index(of: aggregate), through: Int(version.number))
            case .park(let rows): return call = .park(rows)
            case .replaceParked(let row):
                writes.append(.park(slot: slot(row), tables.number(of: row)))
                step = transaction.advance(.done)
            case .saveDeadLetter(let row):
                writes.append(
                    .deadLetter(
                        message: Fixtures.message(at: row.streamSequence),
                        DeadLetterMark(row.reason, attempts: row.attempts)))
                step = transaction.advance(.done)
            case .writeWatermarks(let rows):
                for row in rows {
                    let aggregate = fixtures.index(of: row.aggregate)
                    if claimed >> UInt8(aggregate) & 1 == 0 { wroteUnclaimed = row.aggregate }
                    writes.append(.row(aggregate: aggregate, tables.number(of: row)))
                }
                step = transaction.advance(.done)
            case .finish(let report): return finish(report)
            case .giveUp(let failure): return follow(attempts.advance(.gaveUp(failure), at: .zero))
            }
        }
    }

    /// The first message of an event: a copy has the same effect.
    private func message(of event: BatchEvent) -> Int {
        guard let message = fixtures.message(of: batch.key(of: event).eventID) else {
            preconditionFailure("an event that is not in this world")
        }
        return message
    }

    /// The handler writes its effect, then fails if it is to fail.
    private func run(_ message: Int) {
        writes.append(.effect(message: message))
        switch context.setup.messages[message].behaviour {
        case .applies: endHandler(failure: nil)
        case .fails: endHandler(failure: "it fails")
        case .mayFail: call = .outcome(message: message)
        }
    }

    private func endHandler(failure: String?) {
        guard let failure else { return follow(transaction.advance(.applied(hasStaged: false))) }
        if let savepoint = running?.savepoint { writes.removeSubrange(savepoint...) }
        follow(transaction.advance(.failed(HandlerFailure(failure))))
    }

    // MARK: - Answers

    private func watermarks(_ answer: StoreAnswer) -> [Watermark?] {
        reads += 1
        return asked.map { aggregate in
            var row = tables.watermarks[answer[aggregate]]
            row?.revision = Int64(reads)
            return row
        }
    }

    private func claim(_ won: UInt16) -> [Watermark?] {
        claimed |= UInt8(truncatingIfNeeded: won)
        return claims.map { expected in
            let aggregate = fixtures.index(of: expected.aggregate)
            guard won >> UInt16(aggregate) & 1 == 1 else { return nil }
            var row = expected
            row.revision = Int64(reads) + 1
            writes.append(.row(aggregate: aggregate, tables.number(of: row)))
            return row
        }
    }

    private func deadLetters(of aggregates: UInt8, _ answer: StoreAnswer) -> [DeadLetterKey] {
        func has(_ lane: Int, _ message: Int) -> Bool { answer[lane + message / 16] >> UInt16(message % 16) & 1 == 1 }
        return fixtures.envelopes.indices.filter { has(0, $0) }.map { message in
            let envelope = fixtures.envelopes[message]
            return DeadLetterKey(
                aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id,
                reason: has(2, message) ? .failed : .forked, streamSequence: Fixtures.sequence(message))
        }
    }

    private func park(_ rows: [ParkedEvent], _ answer: StoreAnswer) -> [ParkedEvent] {
        var there: [ParkedEvent] = []
        for (position, row) in rows.enumerated() {
            if let existing = tables.parked[answer[position]] {
                there.append(existing)
            } else {
                writes.append(.park(slot: slot(row), tables.number(of: row)))
            }
        }
        return there
    }

    private func slot(_ row: ParkedEvent) -> Int {
        ConsumerState.slot(fixtures.index(of: row.aggregate), Int(row.version.number))
    }

    // MARK: - Sweeps

    private func follow(_ step: SweepTransaction.Step) {
        switch step {
        case .countParked: call = .parkedCount
        case .readLeftoverDrains: call = .leftoverDrains
        case .readDueRetries: call = .dueRetries
        case .readGaps: call = .gaps
        case .finish(let findings):
            var repair: UInt32 = 0
            for gap in findings.gaps {
                var version = Int(gap.watermark.number) + 1
                while version < gap.lowestParked.number, let message = firstMessage(gap.aggregate, version) {
                    repair |= 1 << UInt32(message)
                    version += 1
                }
            }
            end(.swept(wakes: fixtures.mask(of: findings.wakes), repair: repair))
        }
    }

    private func firstMessage(_ aggregate: Aggregate, _ version: Int) -> Int? {
        fixtures.envelopes.firstIndex { $0.aggregate == aggregate && $0.version.number == version }
    }

    private func gaps(_ answer: StoreAnswer) -> [Gap] {
        fixtures.aggregates.indices.compactMap { index in
            guard let watermark = tables.watermarks[answer[2 * index]],
                let lowest = tables.parked[answer[2 * index + 1]]
            else { return nil }
            return Gap(
                aggregate: fixtures.aggregates[index], watermark: watermark.version,
                watermarkSequence: watermark.streamSequence, lowestParked: lowest.version,
                lowestStored: lowest.stored, oldestParkedAt: Fixtures.now.advanced(by: .seconds(-3600)))
        }
    }
}
