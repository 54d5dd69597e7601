/// An event on its way through a pass: delivered (or repaired), or parked before.
public enum PassEvent: Hashable, Sendable {
    /// It is in the batch.
    case arrived(Arrival)
    /// It was parked.
    case parked(ParkedEvent)

    /// Its aggregate.
    public var aggregate: Aggregate {
        switch self {
        case .arrived(let arrival): arrival.aggregate
        case .parked(let row): row.aggregate
        }
    }

    /// Its version.
    public var version: AggregateVersion {
        switch self {
        case .arrived(let arrival): arrival.version
        case .parked(let row): row.version
        }
    }

    /// Its id.
    public var eventID: EventID {
        switch self {
        case .arrived(let arrival): arrival.envelope.id
        case .parked(let row): row.eventID
        }
    }

    /// Its position in the stream.
    public var sequence: StreamSequence {
        switch self {
        case .arrived(let arrival): arrival.sequence
        case .parked(let row): row.streamSequence
        }
    }

    /// How many times its handler has failed before.
    public var attempts: Int {
        switch self {
        case .arrived: 0
        case .parked(let row): row.attempts
        }
    }

    /// Whether it has a row in `tertib_parked`.
    public var isParked: Bool {
        switch self {
        case .arrived: false
        case .parked: true
        }
    }

    /// The row in which it waits.
    func parkedRow(reason: ParkReason, at now: Timestamp) -> ParkedEvent {
        switch self {
        case .arrived(let arrival):
            return ParkedEvent(
                aggregate: arrival.aggregate, version: arrival.version, eventID: arrival.envelope.id,
                streamSequence: arrival.sequence, stored: StoredEnvelope.encode(arrival.message), reason: reason,
                parkedAt: now)
        case .parked(var row):
            row.reason = reason
            return row
        }
    }
}

/// An event that is a dead letter now.
public struct FailedEvent: Hashable, Sendable {
    /// The event.
    public let event: PassEvent
    /// Why.
    public let reason: DeadLetterReason
    /// The failure, in words.
    public let error: String
    /// How many times its handler has failed.
    public let attempts: Int
}

/// A handler's failure, as the machine needs to know it.
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
}
