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

    /// The order in which a batch is applied: by aggregate, version, stream sequence.
    public static func isAppliedBefore(_ left: Arrival, _ right: Arrival) -> Bool {
        if left.aggregate != right.aggregate { return left.aggregate < right.aggregate }
        if left.version != right.version, !PlantedBug.orderedBySequence.isActive { return left.version < right.version }
        return left.sequence < right.sequence
    }
}

/// What a batch did with an arrival. All but ``held`` are acknowledged, once the transaction has committed.
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
    /// It waits in memory for a neighbour's commit.
    case held
}
