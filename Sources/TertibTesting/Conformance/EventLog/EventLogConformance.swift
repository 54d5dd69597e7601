import TertibRuntime
import TertibCore

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
            try await body(LogScene(fixture: fixture, log: try await fixture.log()))
        }
    }
}

/// A connection to the fixture's stream, with short ways to what most checks do.
struct LogScene: Sendable {
    let fixture: EventLogFixture
    let log: any EventLog

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
        try await log.subscribe(Self.subscription(name, wait: wait, pending: pending, pull: pull))
    }

    static func subscription(
        _ name: String = "tests", wait: Duration = .seconds(30), pending: Int = 1000, pull: Int = 100,
        type: AggregateType? = nil, storeID: String = "store-1", takesOver: Bool = false
    ) -> Subscription {
        Subscription(
            durableName: name, onlyType: type, acknowledgementWait: wait, maxAcknowledgementPending: pending,
            pullLimit: pull, byteLimit: 16 << 20, storeID: storeID, takesOver: takesOver)
    }

    /// Receives exactly `count` deliveries.
    static func receive(
        _ count: Int, from source: any DeliverySource, within limit: Duration = .seconds(20),
        file: StaticString = #fileID, line: UInt = #line
    ) async throws -> [Delivery] {
        var received: [Delivery] = []
        let deadline = ContinuousClock.now + limit
        while received.count < count {
            let left = deadline - ContinuousClock.now
            guard left > .zero else {
                throw ConformanceFailure(
                    expected: "\(count) deliveries within \(limit)",
                    found: "\(received.count): \(numbers(received))", place: "\(file):\(line)")
            }
            received += try await source.next(upTo: count - received.count, waiting: left)
        }
        try Expect.equal(received.count, count, "the deliveries", file: file, line: line)
        return received
    }

    /// Receives and acknowledges until `count` different messages have come; a message that comes twice does no harm.
    /// - Returns: the sequences that came within the limit, however many.
    static func collect(
        _ count: Int, from source: any DeliverySource, within limit: Duration
    ) async throws -> Set<UInt64> {
        var collected: Set<UInt64> = []
        let deadline = ContinuousClock.now + limit
        while collected.count < count, ContinuousClock.now < deadline {
            let received = try await source.next(upTo: 10, waiting: .seconds(1))
            await source.answer(.acknowledge, to: received)
            collected.formUnion(numbers(received))
        }
        return collected
    }

    /// Expects that nothing is delivered for a while.
    static func expectSilence(
        of source: any DeliverySource, for duration: Duration, _ what: String, file: StaticString = #fileID,
        line: UInt = #line
    ) async throws {
        let received = try await source.next(upTo: 100, waiting: duration)
        try Expect.that(received.isEmpty, what, found: "\(numbers(received))", file: file, line: line)
    }

    static func numbers(_ deliveries: [Delivery]) -> [UInt64] { deliveries.map(\.sequence.number) }
}
