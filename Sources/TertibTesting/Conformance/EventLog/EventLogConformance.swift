public import TertibCore
public import TertibRuntime

/// The contract of ``EventLog`` and ``DeliverySource``, sentence by sentence, for every broker alike.
///
/// The checks use short acknowledgement waits of a second, in real time, and wait inside
/// ``DeliverySource/next(upTo:waiting:)`` only.
public enum EventLogConformance {
    /// A check.
    public typealias Check = ConformanceCheck<EventLogFixture>

    /// All checks that need no administrator.
    public static var checks: [Check] {
        streamChecks + publishChecks + expectationChecks + readChecks + deliveryChecks + answerChecks + sharingChecks
            + subscriptionChecks
    }

    /// The checks of a fixture with an ``EventLogAdministration``.
    public static var administrationChecks: [Check] { removalChecks + outageChecks }

    /// A check on one connection.
    static func check(_ name: String, _ body: @escaping @Sendable (LogScene) async throws -> Void) -> Check {
        Check(name) { fixture in
            let scene = LogScene(fixture: fixture, log: try await fixture.log())
            try await body(scene)
            for source in scene.sources.values { await source.close() }
        }
    }
}

/// A connection to the fixture's stream, with short ways to what most checks do.
struct LogScene: Sendable {
    let fixture: EventLogFixture
    let log: any EventLog
    /// What was subscribed, to be closed when the check is over.
    let sources = Recorder<any DeliverySource>()

    var events: EventFactory {
        get throws { EventFactory(namespace: fixture.namespace, source: try EventSource("/conformance")) }
    }

    func subject(_ id: String, type: String = "product") throws -> String {
        try events.codec.mapping.subject(of: try Sample.aggregate(id, type: type))
    }

    func message(_ id: String, _ number: Int64, type: String = "product") throws -> WireMessage {
        try events.message(try Sample.aggregate(id, type: type), version: try Sample.version(number))
    }

    /// Publishes the versions of an aggregate and expects each to be stored.
    @discardableResult
    func publish(_ id: String, _ numbers: ClosedRange<Int64>, type: String = "product") async throws -> [StreamSequence]
    {
        var sequences: [StreamSequence] = []
        for number in numbers {
            let outcome = await log.publish(try message(id, number, type: type), expecting: .any)
            sequences.append(try Self.stored(outcome))
        }
        return sequences
    }

    /// The sequence of a publish that was stored and is no duplicate.
    static func stored(
        _ outcome: PublishOutcome, file: StaticString = #fileID, line: UInt = #line
    ) throws -> StreamSequence {
        guard case .stored(let sequence, false) = outcome else {
            throw ConformanceFailure(
                expected: "a publish to be stored", found: "\(outcome)", place: "\(file):\(line)")
        }
        return sequence
    }

    func subscribe(
        _ name: String = "tests", wait: Duration = .seconds(30), pending: Int = 1000, pull: Int = 100
    ) async throws -> any DeliverySource {
        try await subscribe(Self.subscription(name, wait: wait, pending: pending, pull: pull))
    }

    func subscribe(_ subscription: Subscription) async throws -> any DeliverySource {
        let source = try await log.subscribe(subscription)
        sources.record(source)
        return source
    }

    static func subscription(
        _ name: String = "tests", wait: Duration = .seconds(30), pending: Int = 1000, pull: Int = 100,
        type: AggregateType? = nil, storeID: String = "store-1", takesOver: Bool = false
    ) -> Subscription {
        Subscription(
            durableName: name, onlyType: type, acknowledgementWait: wait, maxAcknowledgementPending: pending,
            pullLimit: pull, byteLimit: 16 << 20, storeID: storeID, takesOver: takesOver)
    }

    static func numbers(_ deliveries: [Delivery]) -> [UInt64] { deliveries.map(\.sequence.number) }
}

/// What checks do with the deliveries of a subscription.
extension DeliverySource {
    /// Receives exactly `count` deliveries.
    func receive(
        _ count: Int, within limit: Duration = .seconds(20),
        file: StaticString = #fileID, line: UInt = #line
    ) async throws -> [Delivery] {
        var received: [Delivery] = []
        let deadline = ContinuousClock.now + limit
        while received.count < count {
            let left = deadline - ContinuousClock.now
            guard left > .zero else {
                throw ConformanceFailure(
                    expected: "\(count) deliveries within \(limit)",
                    found: "\(received.count): \(LogScene.numbers(received))", place: "\(file):\(line)")
            }
            received += try await next(upTo: count - received.count, waiting: left)
        }
        try Expect.equal(received.count, count, "the deliveries", file: file, line: line)
        return received
    }

    /// Receives and acknowledges until `count` different messages have come; a message that comes twice does no harm.
    /// - Returns: the sequences that came within the limit, however many.
    func collect(
        _ count: Int, within limit: Duration
    ) async throws -> Set<UInt64> {
        var collected: Set<UInt64> = []
        let deadline = ContinuousClock.now + limit
        while collected.count < count, ContinuousClock.now < deadline {
            let received = try await next(upTo: 10, waiting: .seconds(1))
            await answer(.acknowledge, to: received)
            collected.formUnion(LogScene.numbers(received))
        }
        return collected
    }

    /// Expects that nothing is delivered for a while.
    func expectSilence(
        for duration: Duration, _ what: String, file: StaticString = #fileID,
        line: UInt = #line
    ) async throws {
        let received = try await next(upTo: 100, waiting: duration)
        try Expect.that(received.isEmpty, what, found: "\(LogScene.numbers(received))", file: file, line: line)
    }
}

/// What a check of ``EventLogConformance`` runs on: one fresh stream on `<namespace>.>`, opened as often as the check
/// likes.
public struct EventLogFixture: Sendable {
    /// The namespace of the stream's subjects.
    public let namespace: Namespace
    private let open: @Sendable () async throws -> any EventLog
    private let administration: EventLogAdministration?

    /// Creates a fixture.
    /// - Parameters:
    ///   - administration: What only an administrator can do; needed by
    ///     ``EventLogConformance/administrationChecks`` alone.
    ///   - open: Opens a connection to the fixture's stream, which it creates where there is none, as one more replica
    ///     would. What is open afterwards is the caller's to close.
    public init(
        namespace: Namespace, administration: EventLogAdministration? = nil,
        open: @escaping @Sendable () async throws -> any EventLog
    ) {
        self.namespace = namespace
        self.administration = administration
        self.open = open
    }

    func log() async throws -> any EventLog { try await open() }

    func administrator() throws -> EventLogAdministration {
        try Expect.some(administration, "a fixture with an administration")
    }
}

/// What an administrator or an accident does to the broker, for the checks that need it.
public struct EventLogAdministration: Sendable {
    /// Deletes a durable consumer.
    public var deleteConsumer: @Sendable (_ name: String) async throws -> Void
    /// Deletes the stream.
    public var deleteStream: @Sendable () async throws -> Void
    /// Deletes one message.
    public var deleteMessage: @Sendable (_ sequence: StreamSequence) async throws -> Void
    /// Deletes everything before a sequence.
    public var trim: @Sendable (_ sequence: StreamSequence) async throws -> Void
    /// Stores a message exactly as it is, as a foreign publisher does.
    public var store: @Sendable (_ message: WireMessage) async throws -> Void
    /// Takes the broker away from every client.
    public var takeAway: @Sendable () async throws -> Void
    /// Brings it back with everything it had.
    public var bringBack: @Sendable () async throws -> Void

    /// Creates an administration.
    public init(
        deleteConsumer: @escaping @Sendable (_ name: String) async throws -> Void,
        deleteStream: @escaping @Sendable () async throws -> Void,
        deleteMessage: @escaping @Sendable (_ sequence: StreamSequence) async throws -> Void,
        trim: @escaping @Sendable (_ sequence: StreamSequence) async throws -> Void,
        store: @escaping @Sendable (_ message: WireMessage) async throws -> Void,
        takeAway: @escaping @Sendable () async throws -> Void,
        bringBack: @escaping @Sendable () async throws -> Void
    ) {
        self.deleteConsumer = deleteConsumer
        self.deleteStream = deleteStream
        self.deleteMessage = deleteMessage
        self.trim = trim
        self.store = store
        self.takeAway = takeAway
        self.bringBack = bringBack
    }
}
