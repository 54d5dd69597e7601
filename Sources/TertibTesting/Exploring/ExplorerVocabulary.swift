import TertibRuntime
import TertibCore

/// The product's values for a small world's numbers, and back.
struct ExplorerVocabulary: Sendable {
    let world: SmallWorld
    let codec: WireCodec
    let source: EventSource
    let consumer: ConsumerName
    let streamName: StreamName
    let aggregates: [Aggregate]
    let envelopes: [Envelope]
    /// The messages of each aggregate, a bit each.
    let messageMasks: [UInt32]
    let messages: [WireMessage]
    private let stored: [[UInt8]]
    private let indices: [EventID: Int]

    /// The last two look alike, and their bytes differ.
    private static let ids = ["1", "2", "\u{E9}", "e\u{301}"]

    /// The database's time, which stands still: what time changes is a step of its own.
    static let now = Timestamp(microseconds: 1_772_366_400_000_000)

    init(_ world: SmallWorld) throws {
        if let fault = world.fault { throw SmallWorldFault(description: fault) }
        self.world = world
        let factory = try EventFactory()
        codec = factory.codec
        source = factory.source
        consumer = try ConsumerName("explored")
        streamName = try StreamName("explored")
        let aggregates = try Self.ids.prefix(world.aggregates).map { try Sample.aggregate($0) }
        envelopes = try world.messages.map { message in
            let aggregate = aggregates[message.aggregate]
            let version = try Sample.version(Int64(message.version))
            let branch = String(repeating: "'", count: message.branch)
            return try factory.envelope(
                aggregate, version: version, id: EventID("\(aggregate.id)@\(version)\(branch)"))
        }
        self.aggregates = aggregates
        messageMasks = aggregates.indices.map { aggregate in
            world.messages.indices.filter { world.messages[$0].aggregate == aggregate }.reduce(0) {
                $0 | 1 << UInt32($1)
            }
        }
        messages = envelopes.map(factory.codec.encode)
        stored = messages.map(StoredEnvelope.encode)
        indices = Dictionary(envelopes.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The first message of an event.
    func message(of event: EventID) -> Int? { indices[event] }

    func arrival(_ message: Int, ticket: Int, origin: Arrival.Origin) -> Arrival {
        Arrival(
            ticket: Arrival.Ticket(ticket), origin: origin, envelope: envelopes[message], message: messages[message],
            sequence: Self.sequence(message))
    }

    func index(of aggregate: Aggregate) -> Int {
        // By its bytes: how the product compares ids is for the oracles to judge.
        let name = aggregate.description.utf8
        guard let index = aggregates.firstIndex(where: { $0.description.utf8.elementsEqual(name) }) else {
            preconditionFailure("an aggregate that is not in this world")
        }
        return index
    }

    func mask(of aggregates: some Sequence<Aggregate>) -> UInt8 {
        aggregates.reduce(0) { $0 | 1 << UInt8(index(of: $1)) }
    }

    static func sequence(_ message: Int) -> StreamSequence { StreamSequence(UInt64(message + 1)) }
    static func message(at sequence: StreamSequence) -> Int { Int(sequence.number) - 1 }
    static func version(_ number: Int) -> AggregateVersion { AggregateVersion(Int64(number)) ?? .none }

    // MARK: - Rows

    func watermark(_ row: PackedRow, of aggregate: Int, revision: Int64) -> Watermark {
        Watermark(
            aggregate: aggregates[aggregate], version: Self.version(row.version),
            eventID: row.message.map { envelopes[$0].id }, streamSequence: row.message.map(Self.sequence) ?? .none,
            parked: row.parked, status: AggregateStatus.allCases[row.status], revision: revision)
    }

    static func packed(_ row: Watermark) -> PackedRow {
        PackedRow(
            version: Int(row.version.number),
            message: row.streamSequence == .none ? nil : message(at: row.streamSequence), parked: row.parked,
            status: AggregateStatus.allCases.firstIndex(of: row.status) ?? 0)
    }

    func parkedEvent(_ row: PackedParked) -> ParkedEvent {
        let reason = ParkReason.allCases[row.reason]
        let waits = reason == .retry || reason == .newerRevision
        let envelope = envelopes[row.message]
        return ParkedEvent(
            aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id,
            streamSequence: Self.sequence(row.message), stored: stored[row.message], reason: reason,
            parkedAt: Self.now, attempts: row.attempts,
            nextAttemptAt: waits ? Self.now.advanced(by: row.isDue ? .zero : .seconds(1)) : nil,
            error: row.attempts > 0 ? "it has failed" : nil)
    }

    static func packed(_ row: ParkedEvent) -> PackedParked {
        PackedParked(
            message: message(at: row.streamSequence), reason: ParkReason.allCases.firstIndex(of: row.reason) ?? 0,
            attempts: row.attempts, isDue: row.nextAttemptAt.map { $0 <= now } ?? true)
    }

    /// Where ``ExplorerState/parked`` and ``ExplorerState/effects`` have a message's version.
    func slot(_ message: Int) -> Int {
        Self.slot(aggregate: world.messages[message].aggregate, version: world.messages[message].version)
    }

    static func slot(aggregate: Int, version: Int) -> Int { aggregate * SmallWorld.limits.versions + version - 1 }
}

/// Why a world cannot be explored.
package struct SmallWorldFault: Error, CustomStringConvertible {
    package let description: String
}
