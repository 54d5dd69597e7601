import TertibCore

/// What one transaction has to bring to an outcome.
struct Batch: Sendable {
    /// Decoded events, each with what applies it.
    var arrivals: [PreparedArrival] = []
    /// Messages that break the contract.
    var malformed: [MalformedArrival] = []
    /// Aggregates to look at although nothing arrived for them.
    var wakes: Set<Aggregate> = []
    /// The tickets that may wait in memory.
    var holdable: Set<Arrival.Ticket> = []

    var isEmpty: Bool { arrivals.isEmpty && malformed.isEmpty && wakes.isEmpty }
    var count: Int { arrivals.count + malformed.count }

    /// Keeps the first arrivals, and gives back what is beyond the limit.
    mutating func split(at limit: Int) -> Batch {
        guard arrivals.count > limit else { return Batch() }
        let rest = Batch(arrivals: Array(arrivals[limit...]))
        arrivals.removeSubrange(limit...)
        return rest
    }
}

/// An arrival whose payload is decoded.
struct PreparedArrival: Sendable {
    let arrival: Arrival
    let application: Handlers.Application
}

/// A message that breaks the contract.
struct MalformedArrival: Sendable {
    let ticket: Arrival.Ticket
    let message: WireMessage
    let sequence: StreamSequence
    let reason: MalformedReason
    /// The aggregate, if at least the subject is good.
    let aggregate: Aggregate?
}

/// What a transaction did: it is true only once the transaction has committed.
struct BatchReport: Sendable {
    /// What became of the arrivals; those in ``lost`` have none.
    var dispositions: [Arrival.Ticket: Disposition] = [:]
    /// Arrivals whose aggregate was claimed by a neighbour, or for which there was no time: they join the next batch.
    var lost: Set<Arrival.Ticket> = []
    /// Aggregates whose claim was lost.
    var conflicts = 0
    /// Events applied straight from a delivery.
    var appliedFromDelivery = 0
    /// Events applied after they had been parked.
    var drained = 0
    /// Events applied after a repair had read them.
    var repaired = 0
    /// Events applied after a failure.
    var retried = 0
    /// Rows added to `tertib_parked` by the batch.
    var parkedRows = 0
    /// Malformed messages kept.
    var malformed = 0
    /// Failures of handlers, for the log.
    var failures: [FailureNote] = []
    /// Aggregates whose quarantine had no reason any more.
    var released: [Watermark] = []
    /// Arrivals that a limit of the parked rows leaves no room for: they join a later batch.
    var overflow: Set<Arrival.Ticket> = []
    /// The limits that were reached.
    var reachedLimits: [ParkedLimitReached] = []
    /// Whether an aggregate has more to drain than one transaction may.
    var hasLeftovers = false
    /// Whether a handler staged events.
    var hasStaged = false

    var applied: Int { appliedFromDelivery + drained + repaired + retried }

    /// The tickets whose deliveries are acknowledged now that the transaction has committed, in order.
    func settled(of batch: Batch) -> [Arrival.Ticket] {
        if PlantedBug.wholeBatchAcknowledged.isActive { return batch.arrivals.map(\.arrival.ticket).sorted() }
        return dispositions.filter { $0.value != .held || PlantedBug.heldIsAcknowledged.isActive }.keys.sorted()
    }
}

/// A failure worth a line in the log.
struct FailureNote: Sendable {
    let aggregate: Aggregate
    let version: AggregateVersion
    let eventID: EventID
    let error: String
    let attempts: Int
    /// The reason, where the event is a dead letter now.
    let deadLetter: DeadLetterReason?
    /// Whether its aggregate is quarantined now.
    var isQuarantined = false
}
