/// The way of one claimed aggregate through a transaction: which event is applied next, what is parked, what is a dead
/// letter. A part of ``BatchTransaction``, which asks for the next step and hands on what the store answered.
///
/// Delivered and parked events run in one loop until the version after the watermark is in neither; only what then
/// remains is parked. That the parked rows are read after the claim is what keeps park and drain from missing each
/// other.
///
/// | state | input | next state, step |
/// |---|---|---|
/// | applying | the next version is there, nothing in its way | running, `apply` |
/// | applying | the parked rows are not known far enough | applying, `readParked` |
/// | applying | two events of one version, and the dead letters are not known | applying, `readDeadLetters` |
/// | applying | no next version, its retry is not due, or the aggregate is blocked | parking, `finished` |
/// | running | ``applied(_:)`` | applying |
/// | running | ``failed(_:jitter:_:)`` | applying, which finds the aggregate blocked |
/// | parking | ``truncateParking(to:besides:_:)`` | parking fewer rows |
/// | parking | ``resolve(existing:_:)`` | parking |
/// | parking | ``close(removed:)`` | closed, with the watermark to write |
struct AggregateSequencer: Hashable, Sendable {
    /// What it needs next.
    enum Step: Hashable, Sendable {
        /// The parked rows from this version on: ``supply(parked:isComplete:)``.
        case readParked(from: AggregateVersion)
        /// The aggregate's open dead letters: ``supply(deadLetters:)``.
        case readDeadLetters
        /// The handler is to be run.
        case apply(BatchEvent)
        /// Nothing more can be applied.
        case finished
    }

    /// What all aggregates of one transaction share.
    struct Context: Hashable, Sendable {
        let batch: Batch
        let retry: RetryPolicy
        /// Maximum number of events applied to one aggregate; the rest is left to the sweeper.
        let limit: Int
        /// The database's time.
        var now = Timestamp(microseconds: 0)
        /// What has become of the arrivals, by their index in the batch.
        var dispositions: [Disposition?]
    }

    /// A row to park, which stands for an arrival.
    struct Parking: Hashable, Sendable {
        let arrival: Int
        let row: ParkedEvent
        /// Further deliveries of its version that wait because of it.
        var copies: [Int] = []
    }

    /// The watermark, as far as the aggregate has come. ``Watermark/parked`` is exact only after ``close(removed:)``.
    private(set) var watermark: Watermark
    /// Rows to park, by version; those that turn out to be parked already come back through ``resolve(existing:_:)``.
    private(set) var parkings: [Parking] = []
    /// Rows to write whether or not they exist.
    private(set) var replacements: [ParkedEvent] = []
    /// Of these the one of the event that failed now and is tried again.
    private(set) var retry: ParkedEvent?
    /// Events that are dead letters now.
    private(set) var failures: [FailedEvent] = []
    /// How many events were applied.
    private(set) var appliedCount = 0
    /// Whether the aggregate has turned out to be quarantined for nothing, and is not any more.
    private(set) var isReleased = false

    private let group: Batch.Group
    private let claimedVersion: AggregateVersion
    private let hadParked: Bool
    /// The positions of the arrivals that are not resolved yet.
    private var remaining: Range<Int>
    private var parkedRows: ArraySlice<ParkedEvent> = []
    private var parkedIsComplete: Bool
    /// The aggregate's open dead letters; `nil` while they are not known.
    private var deadLetters: [DeadLetterKey]?
    private var current: BatchEvent?
    /// The event that failed: nothing is applied after it.
    private var failedEvent: EventKey?
    private var removesFailed = false
    private var added = 0
    private var forkedRow: AggregateVersion?

    /// Begins with the row as the claim returned it.
    init(claimed: Watermark, group: Batch.Group) {
        watermark = claimed
        self.group = group
        claimedVersion = claimed.version
        hadParked = claimed.parked > 0
        parkedIsComplete = claimed.parked == 0
        remaining = group.positions
    }

    /// Whether it is known from the beginning that the open dead letters are needed: because one of them may come again,
    /// or because two events have the watermark's version.
    func needsDeadLetters(_ context: Context) -> Bool {
        if watermark.status == .quarantined { return true }
        return remaining.contains { position in
            let arrival = context.batch.arrival(at: position)
            return arrival.version == watermark.version && arrival.envelope.id != watermark.eventID
        }
    }

    var aggregate: Aggregate { group.aggregate }
    /// The positions of its arrivals.
    var positions: Range<Int> { group.positions }

    // MARK: - Applying

    /// What to do next.
    mutating func next(_ context: inout Context) -> Step {
        if let event = plainNext(context) { return run(event) }
        guard resolveStaleAndForked(&context) else { return .readDeadLetters }
        guard let wanted = watermark.version.next, canProceed, appliedCount < context.limit else {
            return finishApplying(&context)
        }
        let arriving = remaining.first.flatMap { context.batch.version(at: $0) == wanted ? $0 : nil }
        parkedRows = parkedRows.drop { $0.version < wanted }
        // A gap that no arrival closes needs no read of what is parked behind it.
        let examinesParked = arriving != nil || group.isWake || isReleased || appliedCount > 0
        if !parkedIsComplete, parkedRows.isEmpty, examinesParked { return .readParked(from: wanted) }
        let row = parkedRows.first.flatMap { $0.version == wanted ? $0 : nil }
        if row == nil, watermark.status == .retrying { watermark.status = .ok }
        if let row, !isDue(row, context) {
            watermark.status = .retrying  // what came to it meanwhile is decided with what remains
            return finishApplying(&context)
        }
        if let arriving, let row, deadLetters == nil,
            row.eventID != context.batch.arrival(at: arriving).envelope.id
        {
            return .readDeadLetters
        }
        guard let event = choose(arriving, row, &context) else {
            return finishApplying(&context)
        }
        return run(event)
    }

    /// The usual case by the short way: nothing is parked, nothing has failed, and the next event is here.
    private func plainNext(_ context: Context) -> BatchEvent? {
        guard !hadParked, watermark.status == .ok, failedEvent == nil, appliedCount < context.limit,
            let position = remaining.first,
            context.batch.version(at: position).follows(watermark.version)
        else { return nil }
        return .arrival(context.batch.order[position])
    }

    private mutating func run(_ event: BatchEvent) -> Step {
        current = event
        return .apply(event)
    }

    /// Takes parked rows in, in the order of their versions; `isComplete` when there are none above them.
    mutating func supply(parked rows: [ParkedEvent], isComplete: Bool) {
        parkedRows = rows[...]
        parkedIsComplete = isComplete
    }

    /// Takes the aggregate's open dead letters in.
    mutating func supply(deadLetters: [DeadLetterKey]) {
        self.deadLetters = deadLetters
    }

    /// The event's effect is in the transaction.
    mutating func applied(_ context: inout Context) -> BatchEvent {
        guard let event = current else { preconditionFailure("applied without an event to apply") }
        current = nil
        switch event {
        case .arrival(let index):
            watermark.version = context.batch.arrivals[index].envelope.version
            watermark.eventID = context.batch.arrivals[index].envelope.id
            watermark.streamSequence = context.batch.arrivals[index].sequence
            settleFirst(as: .applied, &context)
        case .parked(let row):
            watermark.version = row.version
            watermark.eventID = row.eventID
            watermark.streamSequence = row.streamSequence
        }
        watermark.status = .ok
        appliedCount += 1
        return event
    }

    /// The event's handler failed and its effect is undone: the aggregate waits for its next attempt, or for an operator.
    mutating func failed(
        _ failure: HandlerFailure, jitter: Double, _ context: inout Context
    ) {
        guard let event = current else { preconditionFailure("failed without an event to apply") }
        current = nil
        failedEvent = context.batch.key(of: event)
        let attempts = event.attempts + (failure.countsAsAttempt ? 1 : 0)
        let disposition: Disposition
        if failure.countsAsAttempt, attempts >= context.retry.maxAttempts {
            watermark.status = .quarantined
            failures.append(
                FailedEvent(
                    event, in: context.batch, reason: .failed, error: failure.description, attempts: attempts))
            removesFailed = hasRow(event, context)
            disposition = .deadLettered
        } else {
            let delay =
                failure.countsAsAttempt
                ? context.retry.delay(beforeAttempt: attempts + 1, jitter: jitter) : context.retry.maxDelay
            watermark.status = .retrying
            var row = context.batch.parkedRow(
                of: event, reason: failure.countsAsAttempt ? .retry : .newerRevision, at: context.now)
            row.attempts = attempts
            row.nextAttemptAt = context.now.advanced(by: delay)
            row.error = failure.description
            replacements.append(row)
            retry = row
            if !hasRow(event, context) { added += 1 }
            disposition = .parked
        }
        if case .arrival = event { settleFirst(as: disposition, &context) }
    }

    private var canProceed: Bool {
        if failedEvent != nil { return false }
        return switch watermark.status {
        case .ok, .gap, .stuck: true
        case .retrying: group.isWake  // a delivery does not jump the queue of a retry
        case .quarantined: false
        }
    }

    /// A row that waits for its next attempt is not tried before. One further away than the longest delay is due: the
    /// database's clock has jumped.
    private func isDue(_ row: ParkedEvent, _ context: Context) -> Bool {
        guard let next = row.nextAttemptAt else { return true }
        return next <= context.now || next > context.now.advanced(by: context.retry.maxDelay)
    }

    /// Of a delivered and a parked event of one version, the canonical one: the lower stream sequence. The other, if it
    /// is another event, is a fork.
    private mutating func choose(
        _ arriving: Int?, _ row: ParkedEvent?, _ context: inout Context
    ) -> BatchEvent? {
        guard let arriving else { return row.map(BatchEvent.parked) }
        let index = context.batch.order[arriving]
        guard let row else { return .arrival(index) }
        let arrival = context.batch.arrivals[index]
        if row.eventID == arrival.envelope.id {
            settleFirst(as: .waiting, &context)
            return .parked(row.preceded(by: arrival) ?? row)
        }
        // The arrival is resolved as a fork once the row has been applied, or has failed.
        if row.streamSequence < arrival.sequence { return .parked(row) }
        setAsideFork(.parked(row), &context)
        forkedRow = row.version
        return .arrival(index)
    }

    /// Whether `tertib_parked` has a row of the event's version, be it that of a fork.
    private func hasRow(_ event: BatchEvent, _ context: Context) -> Bool {
        event.isParked || forkedRow == context.batch.key(of: event).version
    }

    private mutating func settleFirst(
        as disposition: Disposition, _ context: inout Context
    ) {
        context.dispositions[context.batch.order[remaining.lowerBound]] = disposition
        remaining = remaining.dropFirst()
    }

    private mutating func finishApplying(_ context: inout Context) -> Step {
        guard deadLetters != nil || !hasForksAmongRemaining(context) else { return .readDeadLetters }
        parkRemaining(&context)
        return .finished
    }

    // MARK: - Stale and forked arrivals

    /// Resolves the arrivals at or below the watermark; `false` when it has to know the dead letters first.
    private mutating func resolveStaleAndForked(
        _ context: inout Context
    ) -> Bool {
        while let position = remaining.first {
            switch context.batch.verdict(at: position, against: watermark) {
            case .next, .gap: return true
            case .stale:
                let arrival = context.batch.arrival(at: position)
                if watermark.isPreceded(by: arrival) {
                    guard deadLetters != nil || watermark.status != .quarantined else { return false }
                    watermark.streamSequence = arrival.sequence
                    releaseIfCanonical()
                }
                settleFirst(as: .stale, &context)
            case .forked(let isCanonical):
                guard deadLetters != nil else { return false }
                let event = BatchEvent.arrival(context.batch.order[position])
                let sequence = context.batch.sequence(of: event)
                // A dead letter that stands behind the applied event records a fork that changes nothing.
                let isRecorded = isDeadLetter(event, storedBy: watermark.streamSequence, context)
                if !isCanonical, !isRecorded { watermark.status = .quarantined }
                setAsideFork(
                    event, isRecorded: isDeadLetter(event, storedBy: isCanonical ? nil : sequence, context),
                    &context)
                remaining = remaining.dropFirst()
            }
        }
        return true
    }

    /// Ends a quarantine that has no other reason than events of the watermark's version which turn out to stand behind
    /// the applied one. A fork of another version never was a reason.
    private mutating func releaseIfCanonical() {
        guard watermark.status == .quarantined, let deadLetters else { return }
        let others =
            deadLetters.filter { $0.version == watermark.version }.map(\.streamSequence)
            + failures.filter { $0.key.version == watermark.version }.map(\.sequence)
        guard !others.isEmpty, others.allSatisfy({ $0 > watermark.streamSequence }),
            deadLetters.allSatisfy({ $0.reason == .forked })
        else { return }
        watermark.status = .ok
        isReleased = true
    }

    /// Whether an event shows that another one of its version was applied wrongly.
    func isWrongBranch(besides event: FailedEvent) -> Bool {
        watermark.status == .quarantined && event.key.version == watermark.version
            && event.sequence <= watermark.streamSequence
    }

    /// Whether two events of one version are among what is left.
    private func hasForksAmongRemaining(_ context: Context) -> Bool {
        var previous: (version: AggregateVersion, eventID: EventID)?
        for position in remaining {
            let envelope = context.batch.arrival(at: position).envelope
            if let previous, previous.version == envelope.version, previous.eventID != envelope.id { return true }
            if let failedEvent, failedEvent.version == envelope.version, failedEvent.eventID != envelope.id {
                return true
            }
            previous = (envelope.version, envelope.id)
        }
        return false
    }

    /// Makes a dead letter of an event whose version another one has. One that is a dead letter already changes
    /// nothing.
    private mutating func setAsideFork(
        _ event: BatchEvent, _ context: inout Context
    ) {
        setAsideFork(
            event, isRecorded: isDeadLetter(event, storedBy: nil, context), &context)
    }

    private mutating func setAsideFork(
        _ event: BatchEvent, isRecorded: Bool, _ context: inout Context
    ) {
        if case .arrival(let index) = event {
            context.dispositions[index] = isRecorded ? .waiting : .deadLettered
            if isRecorded, isFork(context.batch.key(of: event), storedBy: nil) { addCopy(index, context) }
        }
        guard !isRecorded else { return }
        let key = context.batch.key(of: event)
        failures.append(
            FailedEvent(
                event, in: context.batch, reason: .forked,
                error: "another event has version \(key.version) of \(key.aggregate)", attempts: event.attempts))
    }

    /// Whether an event is a dead letter, be it as a fork of this transaction's: a copy of it changes nothing.
    ///
    /// As a fork it is one only by a dead letter of a message at or before `limit`, if there is a limit: a copy that came
    /// early, of a higher sequence, was decided by its own place, and says nothing of the event that stands before the
    /// other one.
    private func isDeadLetter(
        _ event: BatchEvent, storedBy limit: StreamSequence?, _ context: Context
    ) -> Bool {
        if failures.isEmpty, deadLetters?.isEmpty ?? true { return false }
        let key = context.batch.key(of: event)
        let isRecorded = (deadLetters ?? []).contains {
            $0.version == key.version && $0.eventID == key.eventID
                && ($0.reason != .forked || $0.streamSequence <= limit ?? $0.streamSequence)
        }
        return isRecorded || isFork(key, storedBy: limit)
    }

    /// Whether an event is a fork of this transaction's.
    private func isFork(_ key: EventKey, storedBy limit: StreamSequence?) -> Bool {
        failures.contains { $0.reason == .forked && $0.key == key && $0.sequence <= limit ?? $0.sequence }
    }

    // MARK: - Parking

    /// Decides on what is left when nothing more can be applied.
    private mutating func parkRemaining(_ context: inout Context) {
        let isBlocked = watermark.status == .retrying || watermark.status == .quarantined
        if remaining.count == 1, !isBlocked, watermark.parked == 0,
            context.batch.mayHold(context.batch.order[remaining.lowerBound])
        {
            return settleFirst(as: .held, &context)
        }
        for position in remaining {
            let index = context.batch.order[position]
            let arrival = context.batch.arrivals[index]
            if let failedEvent, failedEvent.version == arrival.version {
                // It must not be parked beside its own row, or beside its own dead letter.
                settle(index, asCopyOf: failedEvent.eventID, &context)
            } else if let last = parkings.last, last.row.version == arrival.version {
                settle(index, asCopyOf: last.row.eventID, &context)
                if arrival.envelope.id == last.row.eventID { addCopy(index, context) }
            } else if isDeadLetter(.arrival(index), storedBy: arrival.sequence, context) {
                // Another event of its version is compared with what is parked, not with this one, set aside before.
                context.dispositions[index] = .waiting
            } else if (deadLetters ?? []).contains(where: { $0.version == arrival.version && $0.reason == .failed }) {
                setAsideFork(.arrival(index), isRecorded: false, &context)
            } else {
                let row = arrival.parkedRow(reason: isBlocked ? .behindFailure : .gap, at: context.now)
                parkings.append(Parking(arrival: index, row: row))
                context.dispositions[index] = .parked
            }
        }
        remaining = remaining.upperBound..<remaining.upperBound
        added += parkings.count
    }

    /// An arrival whose version another event of this transaction has: the same event waits, another one is a fork.
    private mutating func settle(
        _ index: Int, asCopyOf eventID: EventID, _ context: inout Context
    ) {
        if context.batch.arrivals[index].envelope.id == eventID {
            context.dispositions[index] = .waiting
        } else {
            setAsideFork(.arrival(index), &context)
        }
    }

    /// Remembers a further delivery that waits because of the row that is parked last, if that has its version.
    private mutating func addCopy(_ index: Int, _ context: Context) {
        guard let last = parkings.indices.last,
            parkings[last].row.version == context.batch.arrivals[index].version
        else { return }
        parkings[last].copies.append(index)
    }

    /// Keeps only so many of the rows to park, those of the lowest versions, and those whose version is parked already,
    /// which need no room. The other arrivals have no room, and neither have their copies: to acknowledge one delivery of
    /// a message is to acknowledge the message.
    /// - Returns: whether there was one too many.
    mutating func truncateParking(
        to count: Int, besides parked: Set<AggregateVersion>, _ context: inout Context
    ) -> Bool {
        var kept: [Parking] = []
        var room = count
        var beyond: Set<AggregateVersion> = []
        for parking in parkings {
            let needsRoom = !parked.contains(parking.row.version)
            if needsRoom, room <= 0 {
                beyond.insert(parking.row.version)
                for index in [parking.arrival] + parking.copies { context.dispositions[index] = .noRoom }
            } else {
                if needsRoom { room -= 1 }
                kept.append(parking)
            }
        }
        guard !beyond.isEmpty else { return false }
        added -= parkings.count - kept.count
        parkings = kept
        // Without the event that has no room it is not known what a fork of it stands behind.
        failures.removeAll { failure in
            guard case .arrival(let index) = failure.event, failure.reason == .forked,
                beyond.contains(failure.key.version)
            else { return false }
            context.dispositions[index] = .noRoom
            return true
        }
        return true
    }

    /// Whether the dead letters have to be known before a row that was parked already is resolved.
    func needsDeadLetters(toResolve row: ParkedEvent) -> Bool {
        deadLetters == nil && parking(of: row).row.eventID != row.eventID
    }

    /// A row was parked already where one was to be parked: the same event waits, where the first of its copies stands;
    /// another one is a fork, of which the lower stream sequence stays.
    mutating func resolve(
        existing row: ParkedEvent, _ context: inout Context
    ) {
        let index = parking(of: row).arrival
        let arrival = context.batch.arrivals[index]
        added -= 1
        if row.eventID == arrival.envelope.id {
            context.dispositions[index] = .waiting
            if let earlier = row.preceded(by: arrival) { replacements.append(earlier) }
        } else if row.streamSequence < arrival.sequence {
            setAsideFork(.arrival(index), &context)
            discardDuplicateForks(of: row, &context)
        } else {
            var replacement = arrival.parkedRow(reason: row.reason, at: row.parkedAt)
            replacement.nextAttemptAt = row.nextAttemptAt
            replacements.append(replacement)
            setAsideFork(.parked(row), &context)
        }
    }

    private func parking(of row: ParkedEvent) -> Parking {
        var (low, high) = (0, parkings.count)
        while low < high {
            let middle = (low + high) / 2
            if parkings[middle].row.version < row.version { low = middle + 1 } else { high = middle }
        }
        guard low < parkings.count, parkings[low].row.version == row.version else {
            preconditionFailure("a row was in the way where none was to be parked")
        }
        return parkings[low]
    }

    /// Copies of the event that turned out to be parked already are no forks of the arrival that came before them.
    private mutating func discardDuplicateForks(of row: ParkedEvent, _ context: inout Context) {
        failures.removeAll { failure in
            guard case .arrival(let copy) = failure.event, failure.reason == .forked,
                failure.key.version == row.version, failure.key.eventID == row.eventID
            else { return false }
            context.dispositions[copy] = .waiting
            return true
        }
    }

    // MARK: - Closing

    /// Up to where parked rows have to be deleted; `nil` when none have.
    var drainedThrough: AggregateVersion? {
        guard hadParked, removesFailed || watermark.version > claimedVersion else { return nil }
        return removesFailed ? watermark.version.next ?? watermark.version : watermark.version
    }

    /// Ends the aggregate's way: `removed` is how many parked rows were deleted. Returns the row to write.
    mutating func close(removed: Int) -> Watermark {
        watermark.parked = max(0, watermark.parked + added - removed)  // another process may have deleted rows
        switch watermark.status {
        case .ok, .gap: watermark.status = watermark.parked > 0 ? .gap : .ok
        case .stuck where watermark.parked == 0: watermark.status = .ok
        case .stuck, .retrying, .quarantined: break
        }
        return watermark
    }
}
