/// One transaction of a batch, from its beginning to what it leaves behind: read, decide, claim, apply and drain, park,
/// write. A pure machine: ``advance(_:)`` takes what the last step came to and returns the next one, each of which is one
/// call of the store's transaction, or one run of a handler.
///
/// Handlers come after the claim, so that the loser of a race does no work and is never taken for a failure. No watermark
/// row is locked after the claim. What is drained is decided from the rows that the claim returned.
///
/// | state | input | next state, step |
/// |---|---|---|
/// | beginning | `begun` | saving malformed, `saveDeadLetter`; without any reading watermarks, `readWatermarks` |
/// | saving malformed | `done` | the next one; after the last reading watermarks, `readWatermarks`, or ended, `finish` |
/// | reading watermarks | `watermarks` | claiming, `claim`; where nothing needs a claim ended, `finish` |
/// | claiming | `claimed` | reading dead letters, `readDeadLetters`, where one may matter; else applying |
/// | reading dead letters | `deadLetters` | applying |
/// | *next aggregate* | careful | reading the time, `readTime` |
/// | reading the time | `time` | applying; past the deadline the aggregate is lost, next aggregate |
/// | applying | `applied`, `parked`, `deadLetters`, `failed` when careful | applying, the step of the ``AggregateSequencer``; when that has finished, next aggregate; after the last one deleting |
/// | applying | `failed` when fast | ended, `giveUp` |
/// | applying | `transactionLost` | ended, `giveUp` |
/// | deleting | `deleted` | the next aggregate that has drained, `deleteParked`; then limiting |
/// | limiting | `parked` | the next aggregate over a limit, `readParked`; then parking, `park`, or writing |
/// | parking | `alreadyParked`, `deadLetters` | resolving what was parked already, `readDeadLetters`; then writing |
/// | writing | `done` | `replaceParked` and `saveDeadLetter` one after the other; then `writeWatermarks`; then ended, `finish` |
///
/// Any other input is a mistake of the caller, and traps. A store's failure is no input: it ends the transaction, and
/// ``BatchAttempts`` decides what comes next.
package struct BatchTransaction: Hashable, Sendable {
    /// How failures of handlers are treated.
    package enum Mode: Hashable, Sendable {
        /// No savepoints; the first failure rolls the whole batch back.
        case fast
        /// A savepoint an event, so that exactly the failing event is blamed and the rest commits. Events that ended a
        /// transaction in an earlier attempt fail without being run again. Ends at a moment of monotonic time.
        case careful(blamed: [EventKey: HandlerFailure], until: Duration)

        var isCareful: Bool {
            switch self {
            case .fast: false
            case .careful: true
            }
        }
    }

    /// What holds for every transaction of a consumer.
    package struct Rules: Hashable, Sendable {
        let settings: ConsumerSettings
        let registration: ConsumerRegistration
        let codec: WireCodec
        /// Maximum number of events applied to one aggregate in one transaction; the sweeper goes on with the rest.
        let drainLimit: Int
        /// Number of parked rows that are read at once.
        let pageSize: Int

        package init(
            settings: ConsumerSettings, registration: ConsumerRegistration, codec: WireCodec, drainLimit: Int = 2048,
            pageSize: Int = 128
        ) {
            self.settings = settings
            self.registration = registration
            self.codec = codec
            self.drainLimit = drainLimit
            self.pageSize = pageSize
        }
    }

    /// What is to be done next. The rare large ones are indirect, so that the others stay small.
    package enum Step: Hashable, Sendable {
        /// Read the watermarks of these aggregates; answered by ``Input/watermarks(_:)``.
        case readWatermarks([Aggregate])
        /// Claim these rows; answered by ``Input/claimed(_:)``.
        case claim([Watermark])
        /// Read the open dead letters of these aggregates; answered by ``Input/deadLetters(_:)``.
        case readDeadLetters([Aggregate])
        /// Read the monotonic clock; answered by ``Input/time(_:)``.
        case readTime
        /// Read an aggregate's parked rows from a version on; answered by ``Input/parked(_:)``.
        case readParked(Aggregate, from: AggregateVersion, limit: Int)
        /// Run the handler; answered by ``Input/applied(hasStaged:)``, ``Input/failed(_:)`` or, under a savepoint,
        /// ``Input/transactionLost(_:)``.
        case apply(BatchEvent, underSavepoint: Bool)
        /// Delete an aggregate's parked rows up to and including a version; answered by ``Input/deleted(_:)``.
        case deleteParked(Aggregate, through: AggregateVersion)
        /// Park these rows; answered by ``Input/alreadyParked(_:)``.
        case park([ParkedEvent])
        /// Write a parked row, whether or not one is there; answered by ``Input/done``.
        indirect case replaceParked(ParkedEvent)
        /// Save a dead letter; answered by ``Input/done``.
        indirect case saveDeadLetter(DeadLetter)
        /// Write the claimed rows; answered by ``Input/done``.
        case writeWatermarks([Watermark])
        /// Commit; then this is what the transaction did.
        indirect case finish(BatchReport)
        /// Roll back.
        indirect case giveUp(Failure)
    }

    /// What a step came to.
    package enum Input: Hashable, Sendable {
        /// The transaction has begun, at the database's time; `random` are 64 random bits.
        case begun(at: Timestamp, random: UInt64)
        /// The watermarks in the order asked for, `nil` where there is no row.
        case watermarks([Watermark?])
        /// The rows won, as the database has them now, in the order of the claim; `nil` where the claim was lost.
        case claimed([Watermark?])
        /// The open dead letters.
        case deadLetters([DeadLetterKey])
        /// The monotonic time.
        case time(Duration)
        /// The parked rows, by version; fewer than asked for when there are no more.
        case parked([ParkedEvent])
        /// The handler's effect is in the transaction.
        case applied(hasStaged: Bool)
        /// The handler has failed; its effect is undone if there was a savepoint.
        case failed(HandlerFailure)
        /// The handler has failed, and has ended the transaction with it.
        case transactionLost(HandlerFailure)
        /// How many parked rows were deleted.
        case deleted(Int)
        /// The rows that were there already, in the order of those to park.
        case alreadyParked([ParkedEvent])
        /// It is written.
        case done
    }

    /// Why a transaction gives up.
    package enum Failure: Hashable, Sendable {
        /// In fast mode a handler has failed: the batch is to be tried again carefully.
        case handlerFailed(EventKey, HandlerFailure)
        /// A handler has ended the transaction: the batch is to be tried again without running that event.
        case transactionLost(EventKey, HandlerFailure)
    }

    private enum State: Hashable, Sendable {
        case beginning, savingMalformed(next: Int), readingWatermarks, claiming([Int]), readingDeadLetters([Int])
        case readingTime, applying, deleting, limiting, parking, resolving([ParkedEvent], next: Int), writing(next: Int)
        case ended
    }

    private let mode: Mode
    private let rules: Rules
    private let knownParked: Int
    private var context: AggregateSequencer.Context
    private var random = SeededGenerator(seed: 0)
    private var state = State.beginning
    /// The claimed aggregates, in byte order.
    private var sequencers: [AggregateSequencer] = []
    /// The one at work.
    private var current = 0
    /// How many parked rows of each were deleted.
    private var removed: [Int] = []
    /// How many rows may be added to `tertib_parked`, over all aggregates.
    private var room = 0
    /// The steps that only write, in order.
    private var writes: [Step] = []
    private var report: BatchReport
    private var lastRun: BatchEvent?

    /// Creates the transaction of a batch, or of a unit of one.
    /// - Parameters:
    ///   - knownParked: How many rows the consumer had parked when they were last counted.
    ///   - appliedLimit: Maximum number of events applied to one aggregate, if that is less than usual.
    package init(
        _ batch: Batch, mode: Mode, rules: Rules, knownParked: Int, appliedLimit: Int = .max
    ) {
        self.mode = mode
        self.rules = rules
        self.knownParked = knownParked
        context = AggregateSequencer.Context(
            batch: batch, retry: rules.settings.retry, limit: min(appliedLimit, rules.drainLimit),
            dispositions: Array(repeating: nil, count: batch.arrivals.count))
        report = BatchReport(of: batch)
    }

    /// The last event whose handler was run, for a failure that shows only at the commit.
    package var lastEvent: EventKey? { lastRun.map(batch.key(of:)) }

    /// What it brings to an outcome.
    package var batch: Batch { context.batch }

    /// Takes what the last step came to, and returns the next one.
    package mutating func advance(_ input: Input) -> Step {
        switch (state, input) {
        case (.beginning, .begun(let now, let bits)):
            context.now = now
            random = SeededGenerator(seed: bits)
            return saveMalformed(from: batch.malformedIndices.lowerBound)
        case (.savingMalformed(let next), .done): return saveMalformed(from: next)
        case (.readingWatermarks, .watermarks(let rows)): return claim(rows)
        case (.claiming(let groups), .claimed(let rows)): return begin(groups, rows)
        case (.readingDeadLetters(let suspects), .deadLetters(let keys)):
            let byAggregate = Dictionary(grouping: keys, by: \.aggregate)
            for index in suspects {
                sequencers[index].supply(deadLetters: byAggregate[sequencers[index].aggregate] ?? [])
            }
            return beginAggregate()
        case (.readingTime, .time(let now)): return continueUnlessLate(now)
        case (.applying, .parked(let rows)):
            sequencers[current].supply(parked: rows, isComplete: rows.count < rules.pageSize)
            return apply()
        case (.applying, .deadLetters(let keys)):
            sequencers[current].supply(deadLetters: keys)
            return apply()
        case (.applying, .applied(let hasStaged)):
            count(sequencers[current].applied(&context), hasStaged: hasStaged)
            return apply()
        case (.applying, .failed(let failure)):
            guard mode.isCareful else { return giveUp(failure, Failure.handlerFailed) }
            sequencers[current].failed(failure, jitter: random.fraction(), &context)
            return apply()
        case (.applying, .transactionLost(let failure)): return giveUp(failure, Failure.transactionLost)
        case (.deleting, .deleted(let count)):
            removed[current] = count
            current += 1
            return deleteDrained()
        case (.limiting, .parked(let rows)):
            truncate(besides: Set(rows.map(\.version)))
            return keepWithinLimits()
        case (.parking, .alreadyParked(let rows)):
            report.parkedRows -= rows.count
            current = 0
            return resolve(rows, from: 0)
        case (.resolving(let rows, let next), .deadLetters(let keys)):
            sequencers[current].supply(deadLetters: keys)
            return resolve(rows, from: next)
        case (.writing(let next), .done): return write(from: next)
        default: preconditionFailure("an input that no step has asked for")
        }
    }

    /// Hashes what tells two transactions of one batch apart; the batch itself only by its size.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(state)
        hasher.combine(context.dispositions)
        hasher.combine(current)
        hasher.combine(sequencers.map(\.watermark.version))
    }
}

// MARK: - Before the claim

extension BatchTransaction {
    /// Saves each malformed message once, with its bytes and the reason.
    private mutating func saveMalformed(from index: Int) -> Step {
        guard index < batch.malformedIndices.upperBound else { return readWatermarks() }
        state = .savingMalformed(next: index + 1)
        let item = batch.malformed[index]
        report.malformed[index] = .deadLettered
        return .saveDeadLetter(
            DeadLetter(
                id: UUIDText.version7(at: context.now, random.next(), random.next()), aggregate: item.aggregate,
                version: nil,
                eventID: nil, streamCreatedAt: rules.registration.streamCreatedAt, streamSequence: item.sequence,
                message: item.message, reason: .malformed, error: item.reason.explanation, attempts: 0,
                failedAt: context.now))
    }

    private mutating func readWatermarks() -> Step {
        guard !batch.groups.isEmpty else { return finish() }
        state = .readingWatermarks
        return .readWatermarks(batch.groups.map(\.aggregate))
    }

    /// Claims what the batch will touch. What is resolved here without a claim rests on what had committed before the read
    /// and cannot be undone: a stale event stays stale.
    private mutating func claim(_ rows: [Watermark?]) -> Step {
        var claims: [Watermark] = []
        var groups: [Int] = []
        for (index, group) in batch.groups.enumerated() {
            let watermark =
                rows[index] ?? Watermark(aggregate: group.aggregate, generation: rules.registration.generation)
            if group.isWake || needsClaim(group, against: watermark) {
                claims.append(watermark)
                groups.append(index)
            }
        }
        guard !claims.isEmpty else { return finish() }
        state = .claiming(groups)
        return .claim(claims)
    }

    /// Resolves a group that needs no claim, because it holds nothing but stale arrivals and perhaps one that may be held;
    /// `true` when it needs one.
    private mutating func needsClaim(_ group: Batch.Group, against watermark: Watermark) -> Bool {
        var gapped: Int?
        for position in group.positions {
            switch batch.verdict(at: position, against: watermark) {
            case .stale:
                // An earlier copy of the applied event shows where that event really stands, which has to be written.
                if watermark.isPreceded(by: batch.arrival(at: position)) { return true }
            case .gap:
                if gapped != nil { return true }
                gapped = position
            case .next, .forked: return true
            }
        }
        if let gapped {
            guard watermark.status == .ok, watermark.parked == 0, batch.mayHold(batch.order[gapped]) else {
                return true
            }
        }
        for position in group.positions {
            context.dispositions[batch.order[position]] = position == gapped ? .held : .stale
        }
        return false
    }

    /// Begins with the rows won. A lost claim drops its aggregate from the batch, never the batch.
    private mutating func begin(_ groups: [Int], _ rows: [Watermark?]) -> Step {
        sequencers.reserveCapacity(groups.count)
        for (index, row) in zip(groups, rows) {
            let group = batch.groups[index]
            guard let row else {
                report.conflicts += 1
                lose(group.positions)
                continue
            }
            sequencers.append(AggregateSequencer(claimed: row, group: group))
        }
        let suspects = sequencers.indices.filter { sequencers[$0].needsDeadLetters(context) }
        guard !suspects.isEmpty else { return beginAggregate() }
        state = .readingDeadLetters(suspects)
        return .readDeadLetters(suspects.map { sequencers[$0].aggregate })
    }

    private mutating func lose(_ positions: Range<Int>) {
        for position in positions { context.dispositions[batch.order[position]] = .lost }
    }
}

// MARK: - Applying

extension BatchTransaction {
    private mutating func beginAggregate() -> Step {
        guard current < sequencers.count, mode.isCareful else { return apply() }
        state = .readingTime
        return .readTime
    }

    /// An aggregate that there is no time for is dropped like a lost claim: its row keeps its version, and only its
    /// revision has risen.
    private mutating func continueUnlessLate(_ now: Duration) -> Step {
        guard case .careful(_, let deadline) = mode, now > deadline else { return apply() }
        lose(sequencers.remove(at: current).positions)
        return beginAggregate()
    }

    private mutating func apply() -> Step {
        state = .applying
        while current < sequencers.count {
            switch sequencers[current].next(&context) {
            case .apply(let event):
                lastRun = event
                if let failure = blame(on: event) {
                    sequencers[current].failed(failure, jitter: random.fraction(), &context)
                    continue
                }
                return .apply(event, underSavepoint: mode.isCareful)
            case .readParked(let version):
                return .readParked(sequencers[current].aggregate, from: version, limit: rules.pageSize)
            case .readDeadLetters: return .readDeadLetters([sequencers[current].aggregate])
            case .finished:
                if sequencers[current].appliedCount >= context.limit { report.hasLeftovers = true }
                current += 1
                if mode.isCareful, current < sequencers.count { return beginAggregate() }
            }
        }
        removed = Array(repeating: 0, count: sequencers.count)
        current = 0
        return deleteDrained()
    }

    /// The failure of an event that has ended a transaction in an earlier attempt.
    private func blame(on event: BatchEvent) -> HandlerFailure? {
        guard case .careful(let blamed, _) = mode, !blamed.isEmpty else { return nil }
        return blamed[batch.key(of: event)]
    }

    private mutating func giveUp(_ failure: HandlerFailure, _ reason: (EventKey, HandlerFailure) -> Failure) -> Step {
        guard let lastEvent else { preconditionFailure("a failure without an event") }
        state = .ended
        return .giveUp(reason(lastEvent, failure))
    }

    private mutating func count(_ event: BatchEvent, hasStaged: Bool) {
        report.hasStaged = report.hasStaged || hasStaged
        switch event {
        case .arrival(let index):
            switch batch.arrivals[index].origin {
            case .delivery: report.appliedFromDelivery += 1
            case .repair: report.repaired += 1
            }
        case .parked(let row):
            switch row.reason {
            case .retry, .newerRevision: report.retried += 1
            case .gap, .behindFailure: report.drained += 1
            }
        }
    }
}

// MARK: - Writing

extension BatchTransaction {
    private mutating func deleteDrained() -> Step {
        state = .deleting
        while current < sequencers.count {
            if let version = sequencers[current].drainedThrough {
                return .deleteParked(sequencers[current].aggregate, through: version)
            }
            current += 1
        }
        room = rules.settings.maxParkedTotal - knownParked + removed.reduce(0, +)
        current = 0
        return keepWithinLimits()
    }

    /// Takes the rows out that there is no room for, the highest versions first. A row that waits for its next attempt is
    /// exempt, else its attempts would never be counted, and so is a copy of an event that is parked already.
    private mutating func keepWithinLimits() -> Step {
        state = .limiting
        while current < sequencers.count {
            let parkings = sequencers[current].parkings
            if let lowest = parkings.first, parkings.count > parkingLimit, parkedLeft > 0 {
                return .readParked(
                    sequencers[current].aggregate, from: lowest.row.version, limit: rules.pageSize)
            }
            truncate(besides: [])
        }
        return park()
    }

    /// How many rows of the current aggregate are left in `tertib_parked`.
    private var parkedLeft: Int { sequencers[current].watermark.parked - removed[current] }

    /// How many rows the current aggregate may park.
    private var parkingLimit: Int {
        max(0, min(rules.settings.maxParkedPerAggregate - parkedLeft, room))
    }

    private mutating func truncate(besides parked: Set<AggregateVersion>) {
        defer { current += 1 }
        guard !sequencers[current].parkings.isEmpty else { return }
        let (limit, own) = (parkingLimit, rules.settings.maxParkedPerAggregate - parkedLeft)
        let isTruncated = sequencers[current].truncateParking(to: limit, besides: parked, &context)
        room -= sequencers[current].parkings.count { !parked.contains($0.row.version) }
        guard isTruncated else { return }
        report.reachedLimits.append(
            own <= limit
                ? ParkedLimitReached(
                    aggregate: sequencers[current].aggregate, watermark: sequencers[current].watermark.version,
                    limit: rules.settings.maxParkedPerAggregate)
                : ParkedLimitReached(aggregate: nil, limit: rules.settings.maxParkedTotal))
    }

    private mutating func park() -> Step {
        let rows = sequencers.flatMap { $0.parkings.map(\.row) }
        guard !rows.isEmpty else { return closeAggregates() }
        report.parkedRows = rows.count
        state = .parking
        return .park(rows)
    }

    /// Resolves the rows that were parked already, which come in the order of those to park.
    private mutating func resolve(_ rows: [ParkedEvent], from start: Int) -> Step {
        for next in start..<rows.count {
            while sequencers[current].aggregate != rows[next].aggregate { current += 1 }
            if sequencers[current].needsDeadLetters(toResolve: rows[next]) {
                state = .resolving(rows, next: next)
                return .readDeadLetters([rows[next].aggregate])
            }
            sequencers[current].resolve(existing: rows[next], &context)
        }
        return closeAggregates()
    }

    /// Decides what is written of each aggregate.
    private mutating func closeAggregates() -> Step {
        var watermarks: [Watermark] = []
        for index in sequencers.indices {
            writes += sequencers[index].replacements.map(Step.replaceParked)
            if let retry = sequencers[index].retry { report.failures.append(FailureNote(retry: retry)) }
            for failure in sequencers[index].failures {
                writes.append(.saveDeadLetter(deadLetter(failure)))
                report.failures.append(
                    FailureNote(failure, isWrongBranch: sequencers[index].isWrongBranch(besides: failure)))
            }
            watermarks.append(sequencers[index].close(removed: removed[index]))
            if sequencers[index].isReleased { report.released.append(sequencers[index].watermark) }
        }
        if !watermarks.isEmpty { writes.append(.writeWatermarks(watermarks)) }
        return write(from: 0)
    }

    private mutating func write(from index: Int) -> Step {
        guard index < writes.count else { return finish() }
        state = .writing(next: index + 1)
        return writes[index]
    }

    private mutating func finish() -> Step {
        state = .ended
        report.dispositions = context.dispositions
        return .finish(report)
    }

    private mutating func deadLetter(_ failure: FailedEvent) -> DeadLetter {
        let message =
            switch failure.event {
            case .arrival(let index): batch.arrivals[index].message
            case .parked(let row): row.messageOrBytes(rules.codec)
            }
        return DeadLetter(
            id: UUIDText.version7(at: context.now, random.next(), random.next()), aggregate: failure.key.aggregate,
            version: failure.key.version, eventID: failure.key.eventID,
            streamCreatedAt: rules.registration.streamCreatedAt, streamSequence: failure.sequence, message: message,
            reason: failure.reason, error: failure.error, attempts: failure.attempts, failedAt: context.now)
    }
}
