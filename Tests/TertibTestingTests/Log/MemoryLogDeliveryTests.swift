import Testing
import TertibRuntime
import TertibCore
import TertibTesting

@Suite("The memory log delivers as JetStream was seen to")
struct MemoryLogDeliveryTests {
    let time = ManualTime()
    let log: MemoryLog
    let events: EventFactory
    let aggregate: Aggregate

    init() throws {
        log = try MemoryLog(time: time)
        events = try EventFactory()
        aggregate = try Aggregate(parsing: "product/42")
    }

    @Test("live messages are dealt one by one and in turn to those who wait")
    func dealing() async throws {
        let (first, second) = (try await subscribe(), try await subscribe(on: log.replica()))
        #expect(try await first.next(upTo: 20, waiting: .zero).isEmpty)
        #expect(try await second.next(upTo: 20, waiting: .zero).isEmpty)
        try await publish(12)
        #expect(numbers(try await first.next(upTo: 20, waiting: .zero)) == [1, 3, 5, 7, 9, 11])
        #expect(numbers(try await second.next(upTo: 20, waiting: .zero)) == [2, 4, 6, 8, 10, 12])
    }

    @Test("a backlog comes in runs")
    func backlog() async throws {
        try await publish(12)
        let (first, second) = (try await subscribe(pull: 6), try await subscribe(pull: 6, on: log.replica()))
        #expect(numbers(try await first.next(upTo: 6, waiting: .zero)) == [1, 2, 3, 4, 5, 6])
        #expect(numbers(try await first.next(upTo: 6, waiting: .zero)) == [7, 8, 9, 10, 11, 12])
        #expect(try await second.next(upTo: 6, waiting: .zero).isEmpty)
    }

    @Test("what was pulled ahead ages, and comes again elsewhere")
    func pulledAhead() async throws {
        try await publish(4)
        let first = try await subscribe(pull: 4)
        #expect(numbers(try await first.next(upTo: 1, waiting: .zero)) == [1])
        time.advance(by: .seconds(30))
        let second = try await subscribe(on: log.replica())
        let again = try await second.next(upTo: 10, waiting: .zero)
        // The first has asked for one more than it holds, and so gets the first again.
        #expect(numbers(again) == [2, 3, 4])
        #expect(again.map(\.attempt) == [2, 2, 2])
    }

    @Test("nothing comes again before the acknowledgement wait, and everything unanswered after it")
    func acknowledgementWait() async throws {
        try await publish(2)
        let source = try await subscribe()
        let received = try await source.next(upTo: 2, waiting: .zero)
        await source.answer(.acknowledge, to: [received[1]])
        time.advance(by: .milliseconds(29_999))
        #expect(try await source.next(upTo: 2, waiting: .zero).isEmpty)
        time.advance(by: .milliseconds(1))
        let again = try await source.next(upTo: 2, waiting: .zero)
        #expect(numbers(again) == [1])
        #expect(again.map(\.attempt) == [2])
    }

    @Test("who waits is woken when something falls due")
    func wokenByTime() async throws {
        try await publish(1)
        let source = try await subscribe()
        _ = try await source.next(upTo: 1, waiting: .zero)
        async let again = source.next(upTo: 1, waiting: .seconds(100))
        try await time.waitForSleepers()
        time.advance(by: .seconds(30))
        #expect(numbers(try await again) == [1])
        #expect(time.monotonic == .seconds(30))
    }

    @Test("who waits is woken when a neighbour gives something back with a delay")
    func wokenByNeighbour() async throws {
        try await publish(1)
        let (first, second) = (try await subscribe(), try await subscribe(on: log.replica()))
        let received = try await first.next(upTo: 1, waiting: .zero)
        _ = await first.suspend()
        async let again = second.next(upTo: 1, waiting: .seconds(100))
        try await time.waitForSleepers()
        await first.answer(.negativeAcknowledge(delay: .seconds(1)), to: received)
        try await eventually("the wait to be shortened", watching: [time.changes]) {
            time.nextDeadline == .seconds(1)
        }
        time.advance(by: .seconds(1))
        #expect(numbers(try await again) == [1])
        #expect(time.monotonic == .seconds(1))
    }

    @Test("a closed source says so, and its answers change nothing")
    func closed() async throws {
        try await publish(1)
        let source = try await subscribe()
        let received = try await source.next(upTo: 1, waiting: .zero)
        await source.close()
        let failure = await #expect(throws: EventLogError.self) { try await source.next(upTo: 1, waiting: .zero) }
        #expect(failure?.code == .closed)
        await source.answer(.acknowledge, to: received)
        #expect(try await log.consumerState("tests")?.acknowledgementPending == 1)
    }

    @Test("a wait ends at its limit with nothing")
    func waitEnds() async throws {
        let source = try await subscribe()
        async let nothing = source.next(upTo: 1, waiting: .seconds(5))
        try await time.waitForSleepers()
        time.advance(by: .seconds(5))
        #expect(try await nothing.isEmpty)
    }

    @Test("redeliveries come before new messages, in the order in which they fell due")
    func redeliveriesFirst() async throws {
        try await publish(5)
        let source = try await subscribe(pull: 3)
        let received = try await source.next(upTo: 3, waiting: .zero)
        let ahead = await source.suspend()
        #expect(numbers(ahead) == [4, 5])
        await source.answer(.negativeAcknowledge(delay: .seconds(2)), to: [received[0]])
        await source.answer(.negativeAcknowledge(delay: .seconds(1)), to: [received[1], received[2]])
        await source.answer(.acknowledge, to: ahead)
        try await publish(2, from: 6)
        time.advance(by: .seconds(3))
        #expect(numbers(try await source.next(upTo: 3, waiting: .zero)) == [2, 3, 1])
        #expect(numbers(try await source.next(upTo: 3, waiting: .zero)) == [6, 7])
    }

    @Test("what waits for its delay counts against the limit of unanswered deliveries")
    func delayCounts() async throws {
        try await publish(5)
        let source = try await subscribe(pending: 3)
        let received = try await source.next(upTo: 5, waiting: .zero)
        #expect(numbers(received) == [1, 2, 3])
        await source.answer(.negativeAcknowledge(delay: .seconds(60)), to: received)
        #expect(try await source.next(upTo: 5, waiting: .zero).isEmpty)
        time.advance(by: .seconds(60))
        let again = try await source.next(upTo: 5, waiting: .zero)
        #expect(numbers(again) == [1, 2, 3])
        await source.answer(.acknowledge, to: again)
        #expect(numbers(try await source.next(upTo: 5, waiting: .zero)) == [4, 5])
    }

    @Test("saying in-progress restarts the wait")
    func inProgress() async throws {
        try await publish(1)
        let source = try await subscribe()
        let received = try await source.next(upTo: 1, waiting: .zero)
        for _ in 1...5 {
            time.advance(by: .seconds(29))
            await source.answer(.inProgress, to: received)
            #expect(try await source.next(upTo: 1, waiting: .zero).isEmpty)
        }
        time.advance(by: .seconds(30))
        #expect(numbers(try await source.next(upTo: 1, waiting: .zero)) == [1])
    }

    @Test("the floor is below the lowest message that is not acknowledged")
    func floor() async throws {
        try await publish(4)
        let source = try await subscribe()
        let received = try await source.next(upTo: 4, waiting: .zero)
        await source.answer(.acknowledge, to: [received[0], received[2], received[3]])
        #expect(try await log.consumerState("tests")?.acknowledgedFloor == StreamSequence(1))
        await source.answer(.acknowledge, to: [received[1]])
        #expect(try await log.consumerState("tests")?.acknowledgedFloor == StreamSequence(4))
        try await log.waitUntilSettled(consumer: "tests")
    }

    @Test("a dead replica's deliveries come again after the acknowledgement wait, and not before")
    func crash() async throws {
        try await publish(3)
        let dying = log.replica()
        let first = try await subscribe(on: dying)
        _ = try await first.next(upTo: 3, waiting: .zero)
        dying.crash()
        let second = try await subscribe()
        #expect(try await second.next(upTo: 3, waiting: .zero).isEmpty)
        time.advance(by: .seconds(30))
        #expect(numbers(try await second.next(upTo: 3, waiting: .zero)) == [1, 2, 3])
        let failure = await #expect(throws: EventLogError.self) { try await dying.state() }
        #expect(failure?.code == .closed)
    }

    @Test("a source that nobody holds asks for nothing any more")
    func dropped() async throws {
        do {
            let source = try await subscribe()
            #expect(try await source.next(upTo: 1, waiting: .zero).isEmpty)
        }
        try await publish(2)
        let second = try await subscribe()
        #expect(numbers(try await second.next(upTo: 5, waiting: .zero)) == [1, 2])
    }

    @Test("a replica that is cut off gets nothing, and the others go on")
    func partition() async throws {
        let neighbour = log.replica()
        let (first, second) = (try await subscribe(), try await subscribe(on: neighbour))
        #expect(try await first.next(upTo: 1, waiting: .zero).isEmpty)
        neighbour.disconnect()
        try await publish(4)
        #expect(try await second.next(upTo: 5, waiting: .zero).isEmpty)
        #expect(numbers(try await first.next(upTo: 5, waiting: .zero)) == [1, 2, 3, 4])
        let failure = await #expect(throws: EventLogError.self) { try await neighbour.state() }
        #expect(failure?.isRetriable == true)
        neighbour.reconnect()
        #expect(try await neighbour.state().messages == 4)
    }

    @Test("under check a durable consumer is bound, never created or changed")
    func management() async throws {
        let checking = log.replica(management: .check)
        let subscription = Subscription(durableName: "tests", storeID: "store-1")
        var failure = await #expect(throws: EventLogError.self) { _ = try await checking.subscribe(subscription) }
        #expect(failure?.code == .consumerGone)
        var unmarked = subscription
        unmarked.storeID = ""
        log.createConsumer(unmarked)
        await (try await checking.subscribe(subscription)).close()
        var filtered = subscription
        filtered.onlyType = aggregate.type
        failure = await #expect(throws: EventLogError.self) { _ = try await checking.subscribe(filtered) }
        #expect(failure?.code == .unsafeConfiguration)
    }

    // MARK: - Scenes

    private func subscribe(
        pending: Int = 1000, pull: Int = 100, on other: MemoryLog? = nil
    ) async throws -> any DeliverySource {
        try await (other ?? log).subscribe(
            Subscription(
                durableName: "tests", acknowledgementWait: .seconds(30), maxAcknowledgementPending: pending,
                pullLimit: pull, storeID: "store-1"))
    }

    private func publish(_ count: Int, from first: Int64 = 1) async throws {
        for number in first..<(first + Int64(count)) {
            let version = try #require(AggregateVersion(number))
            let outcome = await log.publish(try events.message(aggregate, version: version), expecting: .any)
            #expect(outcome == .stored(sequence: StreamSequence(UInt64(number)), isDuplicate: false))
        }
    }

    private func numbers(_ deliveries: [Delivery]) -> [UInt64] { deliveries.map(\.sequence.number) }
}
