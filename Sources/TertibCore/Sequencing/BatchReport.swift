/// What a transaction did: true only once the transaction has committed.
package struct BatchReport: Hashable, Sendable {
    /// What became of the arrivals, by their index in the batch; `nil` for those that belong to no unit reported on.
    package internal(set) var dispositions: [Disposition?]
    /// What became of the malformed messages, by index likewise.
    package internal(set) var malformed: [Disposition?]
    /// Aggregates whose claim was lost.
    package internal(set) var conflicts = 0
    /// Events applied straight from a delivery.
    package internal(set) var appliedFromDelivery = 0
    /// Events applied after they had been parked.
    package internal(set) var drained = 0
    /// Events applied after a repair had read them.
    package internal(set) var repaired = 0
    /// Events applied after a failure.
    package internal(set) var retried = 0
    /// Rows added to `tertib_parked` by the batch.
    package internal(set) var parkedRows = 0
    /// Failures of handlers, for the log.
    package internal(set) var failures: [FailureNote] = []
    /// Aggregates whose quarantine had no reason any more.
    package internal(set) var released: [Watermark] = []
    /// The limits of the parked rows that were reached.
    package internal(set) var reachedLimits: [ParkedLimitReached] = []
    /// Whether an aggregate has more to drain than one transaction may.
    package internal(set) var hasLeftovers = false
    /// Whether a handler staged events.
    package internal(set) var hasStaged = false
    /// Why events were given back that can be neither applied nor set aside, in words.
    package internal(set) var givenBack: [String] = []

    init(of batch: Batch) {
        dispositions = Array(repeating: nil, count: batch.arrivals.count)
        malformed = Array(repeating: nil, count: batch.malformed.count)
    }

    /// Events applied, however they came.
    package var applied: Int { appliedFromDelivery + drained + repaired + retried }

    /// Whether nothing came of it.
    package var isEmpty: Bool {
        applied == 0 && failures.isEmpty
            && (dispositions + malformed).allSatisfy { $0 == nil || $0 == .lost || $0 == .noRoom }
    }

    /// The deliveries to acknowledge now that the transaction has committed, in the order of their arrival. The set to
    /// acknowledge comes from what committed.
    package func acknowledged(of batch: Batch) -> [Arrival.Ticket] {
        let arrivals = zip(batch.arrivals, dispositions).filter { $1?.isAcknowledged ?? false }.map(\.0.ticket)
        let malformed = zip(batch.malformed, malformed).filter { $1?.isAcknowledged ?? false }.map(\.0.ticket)
        return (arrivals + malformed).sorted()
    }

    /// What became of a batch's deliveries; what a repair has read counts for itself.
    package func deliveries(of batch: Batch) -> [Disposition: Int] {
        var counts: [Disposition: Int] = [:]
        for (arrival, disposition) in zip(batch.arrivals, dispositions) where arrival.origin == .delivery {
            if let disposition { counts[disposition, default: 0] += 1 }
        }
        for case .some(let disposition) in malformed { counts[disposition, default: 0] += 1 }
        return counts
    }

    /// Gives a unit's deliveries back: they join the next batch.
    mutating func giveBack(_ unit: Batch) {
        for index in unit.indices { dispositions[index] = .lost }
        for index in unit.malformedIndices { malformed[index] = .lost }
    }

    /// Adds what became of a unit of the same batch.
    mutating func add(_ other: BatchReport, of unit: Batch) {
        for index in unit.indices { dispositions[index] = other.dispositions[index] }
        for index in unit.malformedIndices { malformed[index] = other.malformed[index] }
        conflicts += other.conflicts
        appliedFromDelivery += other.appliedFromDelivery
        drained += other.drained
        repaired += other.repaired
        retried += other.retried
        parkedRows += other.parkedRows
        failures += other.failures
        released += other.released
        reachedLimits += other.reachedLimits
        hasLeftovers = hasLeftovers || other.hasLeftovers
        hasStaged = hasStaged || other.hasStaged
        givenBack += other.givenBack
    }
}

/// An event that is a dead letter now.
struct FailedEvent: Hashable, Sendable {
    let event: BatchEvent
    let key: EventKey
    let sequence: StreamSequence
    let reason: DeadLetterReason
    /// The failure, in words.
    let error: String
    /// How often its handler has failed.
    let attempts: Int

    init(_ event: BatchEvent, in batch: Batch, reason: DeadLetterReason, error: String, attempts: Int) {
        self.event = event
        key = batch.key(of: event)
        sequence = batch.sequence(of: event)
        self.reason = reason
        self.error = error
        self.attempts = attempts
    }
}

/// A failure worth a line in the log.
package struct FailureNote: Hashable, Sendable {
    package let event: EventKey
    package let error: String
    package let attempts: Int
    /// The reason, where the event is a dead letter now.
    package let deadLetter: DeadLetterReason?
    /// Whether its aggregate is quarantined because of it, although it is a fork.
    package let isWrongBranch: Bool

    init(retry row: ParkedEvent) {
        event = EventKey(aggregate: row.aggregate, version: row.version, eventID: row.eventID)
        error = row.error ?? ""
        attempts = row.attempts
        deadLetter = nil
        isWrongBranch = false
    }

    init(_ failure: FailedEvent, isWrongBranch: Bool) {
        event = failure.key
        error = failure.error
        attempts = failure.attempts
        deadLetter = failure.reason
        self.isWrongBranch = isWrongBranch
    }
}

/// A handler's failure, as the machines need to know it.
public struct HandlerFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The failure, in words.
    public let description: String
    /// Whether it counts against the event. An event whose schema revision is newer than the code only waits.
    public let countsAsAttempt: Bool

    /// Creates a failure.
    public init(_ description: String, countsAsAttempt: Bool = true) {
        self.description = description
        self.countsAsAttempt = countsAsAttempt
    }

    /// A handler's error, in words of bounded length.
    package init(describing error: any Error) {
        if let failure = error as? HandlerFailure {
            self = failure
        } else {
            self.init(String(String(describing: error).prefix(2000)))
        }
    }
}
