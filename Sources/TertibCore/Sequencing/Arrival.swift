/// A decoded event that a batch has to bring to an outcome.
public struct Arrival: Hashable, Sendable {
    /// Identifies an arrival within its consumer, so that its outcome finds the way back to its delivery.
    public struct Ticket: Hashable, Comparable, Sendable {
        /// The number, unique within a replica's life.
        public let number: Int

        /// Creates a ticket.
        public init(_ number: Int) {
            self.number = number
        }

        /// Ordered by number, which is the order of arrival.
        public static func < (left: Ticket, right: Ticket) -> Bool { left.number < right.number }
    }

    /// How an event came.
    public enum Origin: Hashable, Sendable {
        /// The broker delivered it.
        case delivery
        /// A repair read it from the stream.
        case repair
    }

    /// Its ticket.
    public let ticket: Ticket
    /// How it came.
    public let origin: Origin
    /// The event.
    public let envelope: Envelope
    /// The message as it came.
    public let message: WireMessage
    /// Its position in the stream.
    public let sequence: StreamSequence

    /// Creates an arrival.
    public init(
        ticket: Ticket, origin: Origin, envelope: Envelope, message: WireMessage, sequence: StreamSequence
    ) {
        self.ticket = ticket
        self.origin = origin
        self.envelope = envelope
        self.message = message
        self.sequence = sequence
    }

    /// Its aggregate.
    public var aggregate: Aggregate { envelope.aggregate }
    /// Its version.
    public var version: AggregateVersion { envelope.version }

    /// The row in which it waits.
    func parkedRow(reason: ParkReason, at now: Timestamp) -> ParkedEvent {
        ParkedEvent(
            aggregate: aggregate, version: version, eventID: envelope.id, streamSequence: sequence,
            stored: StoredEnvelope.encode(message), reason: reason, parkedAt: now)
    }
}

/// A message that breaks the wire contract, on its way to a dead letter.
package struct MalformedArrival: Hashable, Sendable {
    package let ticket: Arrival.Ticket
    package let message: WireMessage
    package let sequence: StreamSequence
    package let reason: MalformedReason
    /// The aggregate, if at least the subject is well-formed.
    package let aggregate: Aggregate?

    package init(
        ticket: Arrival.Ticket, message: WireMessage, sequence: StreamSequence, reason: MalformedReason,
        aggregate: Aggregate?
    ) {
        self.ticket = ticket
        self.message = message
        self.sequence = sequence
        self.reason = reason
        self.aggregate = aggregate
    }
}

/// What a transaction did with an arrival.
public enum Disposition: String, Hashable, Sendable, CaseIterable {
    /// Its effect and its version are in the database.
    case applied
    /// It was applied before.
    case stale
    /// It is parked, or a dead letter, already; nothing was written.
    case waiting
    /// It is parked.
    case parked
    /// It is a dead letter.
    case deadLettered
    /// It waits in memory for another replica's commit.
    case held
    /// Another replica has claimed its aggregate, or there was no time for it.
    case lost
    /// A limit of the parked rows leaves no room for it.
    case noRoom

    /// Whether it is acknowledged once the transaction has committed. The others join the next batch.
    package var isAcknowledged: Bool {
        switch self {
        case .applied, .stale, .waiting, .parked, .deadLettered: true
        case .held, .lost, .noRoom: false
        }
    }
}
