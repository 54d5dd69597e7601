public import TertibRuntime
public import TertibCore

/// Something that has happened in a run, as an oracle learns it.
public enum Observation: Sendable {
    /// The stream has stored a message; without an event when it breaks the wire contract.
    case stored(LoggedMessage, Envelope?)
    /// A handler has begun, whatever comes of it.
    case attempted(LedgerEntry)
    /// A handler has failed, for a reason of its own and not of the database.
    case handlerFailed(LedgerEntry)
    /// An effect was refused because the ledger has it already: somebody applied an event a second time.
    case appliedAgain(LedgerEntry)
    /// A transaction has committed.
    case committed(CommitObservation)
    /// A replica acknowledges a delivery.
    case acknowledged(AcknowledgementObservation)
    /// The stream has lost everything before a sequence, as it may.
    case trimmed(before: StreamSequence)
    /// The stream has lost everything after a sequence, which it had acknowledged; its sequences are used again.
    case lostTail(after: StreamSequence)
    /// The stream was deleted and created anew, empty, with sequences from 1.
    case recreated
    /// Somebody has given the consumer room for so many parked rows of an aggregate.
    case limitRaised(maxParkedPerAggregate: Int)
    /// A call that appends begins, with ``AppendObservation/Outcome/open``, or has come to its end.
    case append(AppendObservation)
    /// A transaction has written a watermark that it has not claimed, as no real store lets it.
    case wroteUnclaimed(Aggregate)
    /// A batch has committed, and this is what becomes of its deliveries.
    case settled(BatchObservation)
    /// The run does not go on as it should: why.
    case halted(String)
    /// A replica has stopped in order.
    case stopped(counts: ConsumerCounts, received: Int)
    /// A publisher was told that its event is stored.
    case published(PublishReceipt)
    /// Faults have stopped, and everything has had its time.
    case rest(RestObservation)
}

/// An event that was applied: a row of the ledger that the simulator keeps beside the handlers' effects.
public struct LedgerEntry: Hashable, Sendable, CustomStringConvertible {
    /// The aggregate.
    public var aggregate: Aggregate
    /// The version.
    public var version: AggregateVersion
    /// The event's id.
    public var eventID: EventID

    /// Creates an entry.
    public init(aggregate: Aggregate, version: AggregateVersion, eventID: EventID) {
        self.aggregate = aggregate
        self.version = version
        self.eventID = eventID
    }

    /// `product/1@3`
    public var description: String { "\(aggregate)@\(version)" }
}

/// What a transaction has changed, by aggregate.
public struct CommitObservation: Sendable {
    /// What has changed of one aggregate.
    public struct Change: Sendable {
        /// The aggregate.
        public var aggregate: Aggregate
        /// The watermark before; `nil` when there was none.
        public var before: Watermark?
        /// The watermark after.
        public var after: Watermark?
        /// Everything that is parked after.
        public var parked: [ParkedEvent]
        /// Whether the transaction has parked anything, or taken it out.
        public var changesParked: Bool
        /// What the transaction has applied.
        public var applied: [LedgerEntry]
        /// Its open dead letters after.
        public var deadLetters: [DeadLetter]
        /// Whether a transaction has said that it leaves the rest of a drain to the sweeper, and nobody came further.
        public var hasLeftovers = false

        /// Creates a change.
        public init(
            aggregate: Aggregate, before: Watermark?, after: Watermark?, parked: [ParkedEvent], changesParked: Bool,
            applied: [LedgerEntry], deadLetters: [DeadLetter] = []
        ) {
            self.aggregate = aggregate
            self.before = before
            self.after = after
            self.parked = parked
            self.changesParked = changesParked
            self.applied = applied
            self.deadLetters = deadLetters
        }
    }

    /// What has changed, by aggregate.
    public var changes: [Change]
    /// What was staged.
    public var staged: [OutboxRow]
    /// How many rows are parked in all, after it.
    public var parkedInAll: Int

    /// Creates an observation.
    public init(changes: [Change], staged: [OutboxRow], parkedInAll: Int) {
        self.changes = changes
        self.staged = staged
        self.parkedInAll = parkedInAll
    }
}

/// What becomes of the deliveries of a batch that has committed.
public struct BatchObservation: Hashable, Sendable {
    /// The deliveries of the batch.
    public var deliveries: Set<Arrival.Ticket>
    /// Those that are acknowledged.
    public var acknowledged: Set<Arrival.Ticket>
    /// Those that go on into the next batch.
    public var carried: Set<Arrival.Ticket>
    /// Whether all others are given back, because a limit was reached.
    public var givesBack: Bool

    /// Creates an observation.
    public init(
        deliveries: Set<Arrival.Ticket>, acknowledged: Set<Arrival.Ticket>, carried: Set<Arrival.Ticket>,
        givesBack: Bool
    ) {
        self.deliveries = deliveries
        self.acknowledged = acknowledged
        self.carried = carried
        self.givesBack = givesBack
    }
}

/// An acknowledgement, and what the database has to say for it at that moment.
public struct AcknowledgementObservation: Sendable {
    /// The delivery.
    public var delivery: Delivery
    /// The event; `nil` when the message breaks the wire contract.
    public var event: Envelope?
    /// Whether the consumer takes events of that type.
    public var isWanted: Bool
    /// The aggregate's watermark.
    public var watermark: Watermark?
    /// The event that is parked at its version.
    public var parked: EventID?
    /// Whether it is a dead letter.
    public var isDeadLetter: Bool

    /// Creates an observation.
    public init(
        delivery: Delivery, event: Envelope?, isWanted: Bool, watermark: Watermark?, parked: EventID?,
        isDeadLetter: Bool
    ) {
        self.delivery = delivery
        self.event = event
        self.isWanted = isWanted
        self.watermark = watermark
        self.parked = parked
        self.isDeadLetter = isDeadLetter
    }
}

/// Everything there is when nothing moves any more.
public struct RestObservation: Sendable {
    /// The watermarks.
    public var watermarks: [Watermark] = []
    /// What is parked.
    public var parked: [ParkedEvent] = []
    /// Open dead letters.
    public var deadLetters: [DeadLetter] = []
    /// What was applied.
    public var ledger: [LedgerEntry] = []
    /// The state of each aggregate: the ids of the events that were applied to it, in the order of application.
    public var states: [Aggregate: [EventID]] = [:]
    /// Rows that every event that was applied has raised by one.
    public var tallies: [String: Int64] = [:]
    /// Events staged and not published.
    public var unpublished: [OutboxRow] = []
    /// The events that the stream has now; what breaks the wire contract is none.
    public var events: [Envelope] = []
    /// Messages that the consumer has not been delivered, or has not answered.
    public var unanswered = 0
    /// Whether every consumer has stopped with a reason that only a person can remove: then nobody comes to rest.
    public var isStopped = false
    /// Calls to the store in each second in which nothing happened, a replica.
    public var idleCalls = 0.0

    /// Creates an empty world.
    public init() {}
}
