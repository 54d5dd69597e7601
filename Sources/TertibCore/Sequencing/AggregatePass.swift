/// The way of one claimed aggregate through a batch: which event is applied next, what is parked, what is a dead
/// letter. A pure machine: the shell asks ``next()``, does what it says, and reports back.
///
/// Delivered and parked events run in one loop until the version after the watermark is in neither; only what then
/// remains is parked. That the parked rows are read after the claim is what keeps park and drain from missing each
/// other.
public struct AggregatePass: Sendable {
    /// What the shell has to do next.
    public enum Step: Hashable, Sendable {
        /// Read the parked rows from this version on, and report them with ``supply(_:isComplete:)``.
        case readParked(from: AggregateVersion)
        /// Read the aggregate's open dead letters, and report them with ``supply(deadLetters:)``: two events of one
        /// version have met, and one of them may be known already.
        case readDeadLetters
        /// Run the handler, and report with ``applied()`` or ``failed(_:)``.
        case apply(PassEvent)
        /// Nothing more can be applied: write what the pass holds.
        case rest
    }

    /// What may be decided within this pass.
    public struct Conditions: Sendable {
        /// The database's time.
        public var now: Timestamp
        /// Whether the pass was asked for by the sweeper: then a due retry is tried, and a left-over drain goes on.
        public var isWake: Bool
        /// How failures are retried.
        public var retry: RetryPolicy
        /// A number in `0..<1` that spreads the next attempt.
        public var jitter: Double
        /// At most so many events are applied; the rest is left to the sweeper.
        public var limit: Int
        /// The tickets that may wait in memory if nothing else of the aggregate waits.
        public var holdable: Set<Arrival.Ticket>

        /// Creates conditions.
        public init(
            now: Timestamp, isWake: Bool, retry: RetryPolicy, jitter: Double, limit: Int,
            holdable: Set<Arrival.Ticket> = []
        ) {
            self.now = now
            self.isWake = isWake
            self.retry = retry
            self.jitter = jitter
            self.limit = limit
            self.holdable = holdable
        }
    }

    /// The watermark, as far as the pass has come. ``Watermark/parked`` is exact only after ``finish(removed:)``.
    public internal(set) var watermark: Watermark
    /// What became of the arrivals.
    public internal(set) var dispositions: [Arrival.Ticket: Disposition] = [:]
    /// Rows to park; those that turn out to be parked already come back through ``resolve(existing:)``.
    public internal(set) var rowsToPark: [ParkedEvent] = []
    /// Rows to write whether or not they exist.
    public internal(set) var rowsToReplace: [ParkedEvent] = []
    /// Of these the one of the event that failed in this pass and is tried again.
    public private(set) var retry: ParkedEvent?
    /// Events that are dead letters now.
    public internal(set) var failures: [FailedEvent] = []
    /// The events applied, in order.
    public private(set) var appliedEvents: [PassEvent] = []
    /// Whether the aggregate has turned out to be quarantined for nothing, and is not any more.
    public internal(set) var isReleased = false
    /// Whether rows at or below the watermark have to be deleted.
    public var drains: Bool {
        hadParked && (watermark.version > claimedVersion || removesFailed) && !PlantedBug.drainKeepsRows.isActive
    }
    /// Up to where parked rows have to be deleted.
    public var drainedThrough: AggregateVersion {
        removesFailed ? (watermark.version.next ?? watermark.version) : watermark.version
    }

    /// The arrivals that have no outcome yet.
    public var waitingTickets: [Arrival.Ticket] { arrivals.map(\.ticket) }

    let conditions: Conditions
    private let claimedVersion: AggregateVersion
    private let hadParked: Bool
    var deadLetters: [DeadLetterKey]
    /// Whether ``deadLetters`` are the database's.
    var knowsDeadLetters: Bool
    var arrivals: ArraySlice<Arrival>
    private var parkedRows: ArraySlice<ParkedEvent> = []
    private var parkedIsComplete: Bool
    private var current: PassEvent?
    private var isResting = false
    /// The event that failed in this pass: nothing is applied after it.
    var failedEvent: PassEvent?
    var removesFailed = false
    var added = 0
    var parkedTickets: [AggregateVersion: Arrival] = [:]
    /// Further deliveries of events that this pass parks, or sets aside for those.
    var copies: [AggregateVersion: [Arrival.Ticket]] = [:]
    private var forkedRow: AggregateVersion?

    /// Begins a pass.
    /// - Parameters:
    ///   - claimed: The row as the claim returned it.
    ///   - arrivals: The aggregate's arrivals, in the order of application.
    ///   - deadLetters: Its open dead letters; `nil` when they were not read, which the pass asks for if it comes to that.
    public init(claimed: Watermark, arrivals: [Arrival], deadLetters: [DeadLetterKey]?, conditions: Conditions) {
        watermark = claimed
        claimedVersion = claimed.version
        hadParked = claimed.parked > 0
        parkedIsComplete = claimed.parked == 0 || PlantedBug.drainLeftToSweeper.isActive && !conditions.isWake
        self.arrivals = arrivals[...]
        self.deadLetters = deadLetters ?? []
        knowsDeadLetters = deadLetters != nil
        self.conditions = conditions
    }

    /// Whether it is known before the pass that it needs the aggregate's open dead letters.
    public static func needsDeadLetters(of claimed: Watermark, for arrivals: [Arrival]) -> Bool {
        claimed.status == .quarantined && !PlantedBug.deadLetterParkedAgain.isActive
            || arrivals.contains { $0.version == claimed.version && $0.envelope.id != claimed.eventID }
    }

    /// What to do next.
    public mutating func next() -> Step {
        if isResting { return .rest }
        guard settlePassed() else { return .readDeadLetters }
        guard let wanted = watermark.version.next, canProceed, appliedEvents.count < conditions.limit else {
            return rest()
        }
        let arrives = arrivals.first.map { $0.version == wanted || PlantedBug.gapIsApplied.isActive } ?? false
        parkedRows = parkedRows.drop { $0.version < wanted }
        let looksAtParked = arrives || conditions.isWake || isReleased || !appliedEvents.isEmpty
        if !parkedIsComplete, parkedRows.isEmpty, looksAtParked {
            return .readParked(from: wanted)
        }
        let row = parkedRows.first.flatMap { $0.version == wanted ? $0 : nil }
        if row == nil, watermark.status == .retrying { watermark.status = .ok }
        if let row, !isDue(row) {
            watermark.status = .retrying  // what came to it meanwhile is judged with what is left
            return rest()
        }
        if arrives, let row, let arrival = arrivals.first, !knowsDeadLetters, row.eventID != arrival.envelope.id {
            return .readDeadLetters
        }
        guard let event = choose(arrives ? arrivals.first : nil, row) else { return rest() }
        current = event
        return .apply(event)
    }

    /// Reports parked rows, in the order of their versions; `isComplete` when there are none above them.
    public mutating func supply(_ rows: [ParkedEvent], isComplete: Bool) {
        parkedRows = rows[...]
        parkedIsComplete = isComplete
    }

    /// Reports the aggregate's open dead letters.
    public mutating func supply(deadLetters: [DeadLetterKey]) {
        self.deadLetters = deadLetters
        knowsDeadLetters = true
    }

    /// Reports that the event's effect is in the transaction.
    public mutating func applied() {
        guard let event = current else { preconditionFailure("applied() without an event to apply") }
        current = nil
        if PlantedBug.drainForgetsWatermark.isActive, event.isParked {
            parkedRows = parkedRows.dropFirst()
            return
        }
        watermark.version = event.version
        watermark.eventID = event.eventID
        watermark.streamSequence = event.sequence
        watermark.status = .ok
        if case .arrived(let arrival) = event {
            dispositions[arrival.ticket] = .applied
            arrivals = arrivals.drop { $0.ticket == arrival.ticket }
        }
        appliedEvents.append(event)
    }

    /// Reports that the event's handler failed and its effect is undone: the aggregate waits for its next attempt, or
    /// for an operator.
    public mutating func failed(_ failure: HandlerFailure) {
        guard var event = current else { preconditionFailure("failed() without an event to apply") }
        if PlantedBug.drainBlamesPredecessor.isActive, event.isParked { event = appliedEvents.last ?? event }
        current = nil
        failedEvent = event
        let attempts = event.attempts + (failure.countsAsAttempt && !PlantedBug.attemptsForgotten.isActive ? 1 : 0)
        if failure.countsAsAttempt, attempts >= conditions.retry.maxAttempts {
            watermark.status = .quarantined
            failures.append(
                FailedEvent(event: event, reason: .failed, error: failure.description, attempts: attempts))
            removesFailed = hasRow(event)
            settle(event, as: .deadLettered)
        } else {
            let delay =
                failure.countsAsAttempt
                ? conditions.retry.delay(beforeAttempt: attempts + 1, jitter: conditions.jitter)
                : conditions.retry.maxDelay
            watermark.status = .retrying
            var row = event.parkedRow(reason: failure.countsAsAttempt ? .retry : .newerRevision, at: conditions.now)
            row.attempts = attempts
            row.nextAttemptAt = conditions.now.advanced(by: delay)
            row.error = failure.description
            rowsToReplace.append(row)
            retry = row
            if !hasRow(event) { added += 1 }
            settle(event, as: .parked)
        }
    }

    private mutating func settle(_ event: PassEvent, as disposition: Disposition) {
        if case .arrived(let arrival) = event {
            dispositions[arrival.ticket] = disposition
            arrivals = arrivals.drop { $0.ticket == arrival.ticket }
        }
    }

    private var canProceed: Bool {
        if failedEvent != nil { return false }
        return switch watermark.status {
        case .ok, .gap, .stuck: true
        case .retrying: conditions.isWake
        case .quarantined: false
        }
    }

    /// A row that waits for its next attempt is not tried before. One further away than the longest delay is due: the
    /// database's clock has jumped.
    private func isDue(_ row: ParkedEvent) -> Bool {
        guard let next = row.nextAttemptAt else { return true }
        return next <= conditions.now || next > conditions.now.advanced(by: conditions.retry.maxDelay)
    }

    /// Of a delivered and a parked event of one version, the canonical one: the lower stream sequence. The other, if it
    /// is another event, is a fork.
    private mutating func choose(_ arrival: Arrival?, _ row: ParkedEvent?) -> PassEvent? {
        guard let arrival else { return row.map(PassEvent.parked) }
        guard let row else { return .arrived(arrival) }
        if row.eventID == arrival.envelope.id {
            dispositions[arrival.ticket] = .waiting
            arrivals = arrivals.dropFirst()
            return .parked(row.preceded(by: arrival) ?? row)
        }
        // The arrival is settled as a fork once the row has been applied, or has failed.
        if row.streamSequence < arrival.sequence { return .parked(row) }
        fork(.parked(row))
        forkedRow = row.version
        return .arrived(arrival)
    }

    /// Whether `tertib_parked` has a row of the event's version, be it that of a fork.
    private func hasRow(_ event: PassEvent) -> Bool {
        event.isParked || forkedRow == event.version
    }

    private mutating func rest() -> Step {
        guard knowsDeadLetters || !forksAmongRemaining else { return .readDeadLetters }
        isResting = true
        parkRemaining()
        return .rest
    }
}
