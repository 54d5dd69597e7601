package import TertibCore
package import TertibRuntime

/// Something that has happened in a run, as an oracle learns it.
package enum Observation: Sendable {
    /// The stream has stored a message; without an event if it breaks the wire contract.
    case stored(LoggedMessage, Envelope?)
    /// A handler has begun, whatever comes of it.
    case attempted(LedgerEntry)
    /// A handler has failed, for a reason of its own and not of the database.
    case handlerFailed(LedgerEntry)
    /// The ledger has refused an effect that it has already: an event was applied a second time.
    case appliedAgain(LedgerEntry)
    /// A transaction has committed.
    case committed(CommitObservation)
    /// A transaction has written a watermark that it has not claimed, which no real store permits.
    case wroteUnclaimed(Aggregate)
    /// A batch has committed, and this becomes of its deliveries.
    case settled(BatchObservation)
    /// A replica acknowledges a delivery.
    case acknowledged(AcknowledgementObservation)
    /// A watermark and its parked rows, read in one snapshot from outside.
    case sampled(SampleObservation)
    /// The stream has lost everything before a sequence, as it may.
    case trimmed(before: StreamSequence)
    /// The stream has lost everything after a sequence, which it had acknowledged; its sequences are used again.
    case lostTail(after: StreamSequence)
    /// The stream was deleted and created anew, empty, with sequences from 1.
    case recreated
    /// The limit of parked rows of an aggregate was raised.
    case limitRaised(maxParkedPerAggregate: Int)
    /// A process uses this much memory.
    case memory(of: String, megabytes: Int)
    /// How long the same events of other aggregates took, without and with poisoned aggregates among them.
    case delayed(secondsWithout: Double, secondsWith: Double)
    /// A call that appends begins, with ``AppendObservation/Outcome/open``, or has returned.
    case append(AppendObservation)
    /// A publisher was told that its event is stored.
    case published(PublishReceipt)
    /// A replica has stopped in order.
    case stopped(counts: ConsumerCounts, received: Int)
    /// A line of a log.
    case logged([UInt8], line: Int, of: String)
    /// What `audit` reports at rest.
    case audited(AuditObservation)
    /// The run does not go on as it should, and why.
    case halted(String)
    /// Faults have stopped, everything has had its time, and this still moves.
    case stillMoving(String)
    /// Faults have stopped, and everything has had its time.
    case rest(RestObservation)
}

/// A version of an aggregate.
package struct EventVersion: Hashable, Sendable {
    package var aggregate: Aggregate
    package var version: AggregateVersion

    package init(_ aggregate: Aggregate, _ version: AggregateVersion) {
        self.aggregate = aggregate
        self.version = version
    }
}

/// An event that was applied: a row of the ledger that is kept beside the handlers' effects.
package struct LedgerEntry: Hashable, Sendable, CustomStringConvertible {
    package var aggregate: Aggregate
    package var version: AggregateVersion
    package var eventID: EventID

    package init(aggregate: Aggregate, version: AggregateVersion, eventID: EventID) {
        self.aggregate = aggregate
        self.version = version
        self.eventID = eventID
    }

    package init(_ event: Envelope) {
        self.init(aggregate: event.aggregate, version: event.version, eventID: event.id)
    }

    package init(_ receipt: PublishReceipt) {
        self.init(aggregate: receipt.aggregate, version: receipt.version, eventID: receipt.eventID)
    }

    var key: EventVersion { EventVersion(aggregate, version) }

    /// `product/1@3`
    package var description: String { "\(aggregate)@\(version)" }
}

/// What a transaction has changed, by aggregate.
package struct CommitObservation: Sendable {
    /// What has changed of one aggregate.
    package struct Change: Sendable {
        package var aggregate: Aggregate
        /// The watermark before; `nil` if there was none.
        package var before: Watermark?
        /// The watermark after.
        package var after: Watermark?
        /// Every parked row after.
        package var parked: [ParkedEvent]
        /// Whether the transaction has parked or unparked anything.
        package var changesParked: Bool
        /// What the transaction has applied.
        package var applied: [LedgerEntry]
        /// The open dead letters after.
        package var deadLetters: [DeadLetter]
        /// Whether a transaction has said that it leaves the rest of a drain to the sweeper, and nothing was drained since.
        package var hasLeftovers = false

        package init(
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

    package var changes: [Change]
    /// What was staged.
    package var staged: [OutboxRow]
    /// The number of rows parked in all, after it.
    package var parkedInAll: Int

    package init(changes: [Change], staged: [OutboxRow], parkedInAll: Int) {
        self.changes = changes
        self.staged = staged
        self.parkedInAll = parkedInAll
    }
}

/// What becomes of the deliveries of a batch that has committed.
package struct BatchObservation: Hashable, Sendable {
    package var deliveries: Set<Arrival.Ticket>
    package var acknowledged: Set<Arrival.Ticket>
    /// Those that go on into the next batch.
    package var carried: Set<Arrival.Ticket>
    /// Whether all others are given back, because a limit was reached.
    package var givesBack: Bool

    package init(
        deliveries: Set<Arrival.Ticket>, acknowledged: Set<Arrival.Ticket>, carried: Set<Arrival.Ticket>,
        givesBack: Bool
    ) {
        self.deliveries = deliveries
        self.acknowledged = acknowledged
        self.carried = carried
        self.givesBack = givesBack
    }
}

/// An acknowledgement, and what the database has for it at that moment.
package struct AcknowledgementObservation: Sendable {
    package var sequence: StreamSequence
    /// The event; `nil` if the message breaks the wire contract.
    package var event: Envelope?
    /// Whether the consumer takes events of that type.
    package var isWanted = true
    /// The aggregate's watermark.
    package var watermark: Watermark?
    /// The event that is parked at its version.
    package var parked: EventID?
    package var isDeadLetter = false

    package init(_ sequence: StreamSequence, event: Envelope?) {
        self.sequence = sequence
        self.event = event
    }
}

/// A watermark and its parked rows in one snapshot.
package struct SampleObservation: Sendable {
    package var aggregate: Aggregate
    package var version: AggregateVersion
    /// The number of parked rows that the watermark names, the number that there are, and the lowest of their versions;
    /// `nil` if they were not read.
    package var parked: (named: Int, found: Int, lowest: AggregateVersion?)?

    package init(
        _ aggregate: Aggregate, _ version: AggregateVersion,
        parked: (named: Int, found: Int, lowest: AggregateVersion?)? = nil
    ) {
        self.aggregate = aggregate
        self.version = version
        self.parked = parked
    }
}

/// A call that appends events, and what its caller was told.
package struct AppendObservation: Sendable {
    package enum Outcome: Sendable {
        /// Nothing: it has not returned, or did not learn what is stored.
        case open
        /// Everything is written.
        case receipts([PublishReceipt])
        /// Another version was expected, and nothing is written.
        case conflict
        /// The first events are written. Of the others nothing is, unless the outcome of the next one is open.
        case partial([PublishReceipt], isNextOpen: Bool)
    }

    /// The call's number.
    package var call: Int
    package var aggregate: Aggregate
    /// The events' bodies, each of which occurs once.
    package var bodies: [[UInt8]]
    /// The version that was expected.
    package var expected: AggregateVersion?
    package var outcome = Outcome.open

    package init(call: Int, aggregate: Aggregate, bodies: [[UInt8]], expected: AggregateVersion?) {
        self.call = call
        self.aggregate = aggregate
        self.bodies = bodies
        self.expected = expected
    }
}

/// What `audit` reports, and what there is.
package struct AuditObservation: Sendable {
    /// Aggregates that it reports, with the reason.
    package var reported: [(aggregate: Aggregate, reason: String)] = []
    package var lagging = 0
    /// The number of aggregates that it has seen, and that the stream has.
    package var aggregates = 0
    package var expectedAggregates = 0

    package init() {}
}

/// Everything there is when nothing moves any more.
package struct RestObservation: Sendable {
    package var watermarks: [Watermark] = []
    package var parked: [ParkedEvent] = []
    /// Open dead letters.
    package var deadLetters: [DeadLetter] = []
    /// What was applied.
    package var ledger: [LedgerEntry] = []
    /// The state of each aggregate: the ids of the events that were applied to it, in the order of application.
    package var states: [Aggregate: [EventID]] = [:]
    /// A value that each event has changed, and the value that the applied events give.
    package var folds: [Aggregate: (stored: String, expected: String)] = [:]
    /// Rows that every applied event has raised by one.
    package var tallies: [String: Int64] = [:]
    /// Events staged and not published.
    package var unpublished: [OutboxRow] = []
    /// The last version of each aggregate that this database publishes.
    package var heads: [AggregateHead] = []
    /// The events that the stream has now, without messages that break the wire contract.
    package var events: [Envelope] = []
    /// Messages that the consumer has not been delivered, or has not answered.
    package var unanswered = 0
    /// Whether every consumer has stopped with a reason that only a person can remove: then nothing comes to rest.
    package var isStopped = false
    /// Calls to the store in each second in which nothing happened, per replica.
    package var idleCalls = 0.0

    package init() {}
}
