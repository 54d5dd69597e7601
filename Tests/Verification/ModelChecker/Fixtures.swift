import TertibCore
import TertibRuntime
import TertibTesting

/// The product's values for a small world's numbers: aggregates, events and messages, and where the stream has them.
struct Fixtures: Sendable {
    let codec: WireCodec
    let source: EventSource
    let consumer: ConsumerName
    let streamName: StreamName
    let aggregates: [Aggregate]
    /// The event of each message.
    let envelopes: [Envelope]
    let messages: [WireMessage]
    private let indices: [EventID: Int]

    /// The last two look alike, and their bytes differ.
    private static let ids = ["1", "2", "\u{E9}", "e\u{301}"]

    /// The database's time, which stands still: what time changes is a step of its own.
    static let now = Timestamp(microseconds: 1_772_366_400_000_000)

    init(_ scenario: ConsumerScenario) throws {
        if let problem = scenario.problem { throw ScenarioError(problem) }
        let factory = try EventFactory()
        (codec, source) = (factory.codec, factory.source)
        consumer = try ConsumerName("explored")
        streamName = try StreamName("explored")
        let aggregates = try Self.ids.prefix(scenario.aggregates).map { try Aggregate(parsing: "product/\($0)") }
        envelopes = try scenario.messages.map { message in
            let aggregate = aggregates[message.aggregate]
            let branch = String(repeating: "'", count: message.branch)
            return try factory.envelope(
                aggregate, version: Self.version(message.version),
                id: EventID("\(aggregate.id)@\(message.version)\(branch)"))
        }
        self.aggregates = aggregates
        messages = envelopes.map(factory.codec.encode)
        indices = Dictionary(envelopes.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The first message of an event.
    func message(of event: EventID) -> Int? { indices[event] }

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

    func logged(_ message: Int) -> LoggedMessage {
        LoggedMessage(message: messages[message], sequence: Self.sequence(message), storedAt: Self.now)
    }

    func entry(_ message: Int) -> LedgerEntry {
        let envelope = envelopes[message]
        return LedgerEntry(aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id)
    }

    /// An event in words: `product/1@2'`, the mark being that of another event of the version.
    func name(_ message: Int, in scenario: ConsumerScenario) -> String {
        let envelope = envelopes[message]
        let branch = String(repeating: "'", count: scenario.messages[message].branch)
        let copy = self.message(of: envelope.id) == message ? "" : " (copy)"
        return "\(envelope.aggregate)@\(envelope.version)\(branch)\(copy)"
    }
}

extension FixedWidthInteger {
    /// The numbers of the bits that are set, in order.
    var members: [Int] {
        var members: [Int] = []
        var rest = self
        while rest != 0 {
            members.append(rest.trailingZeroBitCount)
            rest &= rest &- 1
        }
        return members
    }
}
