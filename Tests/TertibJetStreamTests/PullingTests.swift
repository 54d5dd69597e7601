import TertibCore
import TertibJetStream
import TestServers
import Testing
import TertibRuntime

@Suite("Receiving from a durable consumer")
struct PullingTests {
    private func publish(_ range: Range<Int>, to log: JetStreamLog) async throws {
        for number in range {
            let outcome = await log.publish(message("\(number)", "e\(number)"), expecting: .lastSequence(.none))
            try #require(outcome.sequence != nil)
        }
    }

    @Test(
        "a delivery carries the message, its position, and is acknowledged once and for all",
        arguments: NatsServer.binaries)
    func thinLine(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            try await publish(1..<11, to: log)
            let source = try await log.subscribe(subscription())
            let deliveries = try await source.collect(10)
            #expect(deliveries.map(\.sequence.number) == Array(1...10))
            #expect(deliveries.map(\.attempt) == Array(repeating: 1, count: 10))
            #expect(deliveries[0].message.subject == "shop.product.1")
            #expect(deliveries[0].message.values(of: "ce-id") == [Array("e1".utf8)])
            #expect(deliveries[0].message.values(of: Header.expectedLastSubjectSequence) == [Array("0".utf8)])
            #expect(deliveries[9].pending == 0)
            let stored = try await log.message(at: StreamSequence(3), from: .leader)
            #expect(stored?.storedAt == deliveries[2].storedAt)
            #expect(stored?.message.body == deliveries[2].message.body)
            try await waitUntil("the acknowledgements") {
                try await log.consumerState("orders-orders")?.acknowledgedFloor == StreamSequence(10)
            }
            await source.close()
            await log.close()
        }
    }

    @Test(
        "one replica receives in the stream's order, also live and through two requests", arguments: NatsServer.binaries
    )
    func order(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let source = try await log.subscribe(subscription())
            #expect(try await source.next(upTo: 10, waiting: .milliseconds(50)).isEmpty)
            try await waitUntil("two pull requests") { try await log.consumerState("orders-orders")?.waiting == 2 }
            try await publish(0..<500, to: log)
            let deliveries = try await source.collect(500)
            #expect(deliveries.map(\.sequence.number) == Array(1...500))
            await source.close()
            await log.close()
        }
    }

    @Test("two replicas share the deliveries: each message goes to one of them", arguments: NatsServer.binaries)
    func replicas(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let first = try await fixture.log()
            let second = try await fixture.log()
            let one = try await first.subscribe(subscription())
            let other = try await second.subscribe(subscription())
            try await waitUntil("the requests of both") { try await first.consumerState("orders-orders")?.waiting == 4 }
            try await publish(0..<100, to: first)
            var ones: [UInt64] = []
            var others: [UInt64] = []
            try await waitUntil("100 deliveries") {
                let some = try await one.next(upTo: 100, waiting: .milliseconds(20))
                let more = try await other.next(upTo: 100, waiting: .milliseconds(20))
                await one.answer(.acknowledge, to: some)
                await other.answer(.acknowledge, to: more)
                ones += some.map(\.sequence.number)
                others += more.map(\.sequence.number)
                return ones.count + others.count >= 100
            }
            #expect(!ones.isEmpty)
            #expect(!others.isEmpty)
            #expect((ones + others).sorted() == (1...100).map { UInt64($0) })
            await one.close()
            await other.close()
            await first.close()
            await second.close()
        }
    }

    @Test(
        "what is not answered comes again, in-progress keeps it, and terminate ends it", arguments: NatsServer.binaries)
    func answers(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            try await publish(0..<1, to: log)
            var subscription = subscription()
            subscription.acknowledgementWait = .seconds(2)
            let source = try await log.subscribe(subscription)
            let first = try await source.collect(1, acknowledging: false)
            // Nothing comes for as long as in-progress is said, though the acknowledgement wait has passed twice.
            var kept: [Delivery] = []
            let deadline = ContinuousClock.now + .milliseconds(4400)
            while ContinuousClock.now < deadline {
                await source.answer(.inProgress, to: first)
                kept += try await source.next(upTo: 10, waiting: .milliseconds(200))
            }
            #expect(kept.isEmpty)
            let second = try await source.collect(1, acknowledging: false)
            #expect(second.allSatisfy { $0.attempt > 1 })
            await source.answer(.negativeAcknowledge(delay: .zero), to: second)
            let third = try await source.collect(1, acknowledging: false)
            // On a slow machine one more wait may have passed: the count only grows.
            #expect((third.first?.attempt ?? 0) > (second.first?.attempt ?? 0))
            let asked = ContinuousClock.now
            await source.answer(.negativeAcknowledge(delay: .milliseconds(700)), to: third)
            let fourth = try await source.collect(1, acknowledging: false)
            #expect(ContinuousClock.now - asked >= .milliseconds(650), "the delay was not obeyed")
            await source.answer(.acknowledge, to: fourth)
            try await waitUntil("the acknowledged floor") {
                try await log.consumerState("orders-orders")?.acknowledgedFloor == StreamSequence(1)
            }
            await source.close()
            await log.close()
        }
    }

    @Test("no more is asked for than the limits allow", arguments: NatsServer.binaries)
    func backPressure(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let body = [UInt8](repeating: 0x61, count: 300_000)
            for number in 0..<40 {
                _ = await log.publish(message("\(number)", "e\(number)", body: body), expecting: .any)
            }
            var subscription = subscription()
            subscription.pullLimit = 30
            subscription.byteLimit = 4 << 20
            let source = try await log.subscribe(subscription)
            let first = try await source.next(upTo: 1, waiting: .seconds(10))
            #expect(first.count == 1)
            try await waitUntil("the requests to be filled") {
                let state = try await log.consumerState("orders-orders")
                return (state?.acknowledgementPending ?? 0) > 5 && state?.waiting ?? 1 <= 1
            }
            let pending = try await log.consumerState("orders-orders")?.acknowledgementPending ?? .max
            #expect(pending <= 4 << 20 / 300_000 + 1, "\(pending) deliveries are more than four megabytes")
            await source.answer(.acknowledge, to: first)
            let rest = try await source.collect(39)
            #expect(Set(rest.map(\.sequence)).count == 39)
            await source.close()
            await log.close()
        }
    }

    @Test("with room for one delivery they come one by one", arguments: NatsServer.binaries)
    func oneByOne(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            try await publish(0..<20, to: log)
            var subscription = subscription()
            subscription.pullLimit = 1
            subscription.byteLimit = 1
            let source = try await log.subscribe(subscription)
            for number in 1...20 {
                let delivery = try await source.next(upTo: 10, waiting: .seconds(10))
                #expect(delivery.map(\.sequence.number) == [UInt64(number)])
                await source.answer(.acknowledge, to: delivery)
            }
            await source.close()
            await log.close()
        }
    }

    @Test(
        "a pause gives back what was not taken, asks for nothing, and ends with the next call",
        arguments: NatsServer.binaries)
    func suspending(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            try await publish(0..<10, to: log)
            let source = try await log.subscribe(subscription())
            let taken = try await source.next(upTo: 4, waiting: .seconds(10))
            try await waitUntil("all to arrive") {
                try await log.consumerState("orders-orders")?.acknowledgementPending == 10
            }
            let untaken = await source.suspend()
            #expect((taken + untaken).map(\.sequence.number) == Array(1...10))
            try await waitUntil("the end of the requests") {
                try await log.consumerState("orders-orders")?.waiting == 0
            }
            try await publish(10..<15, to: log)
            #expect(try await log.consumerState("orders-orders")?.pending == 5)
            await source.answer(.acknowledge, to: taken)
            await source.answer(.negativeAcknowledge(delay: .zero), to: untaken)
            let rest = try await source.collect(5 + untaken.count)
            #expect(Set((taken + rest).map(\.sequence.number)) == Set((1...15).map { UInt64($0) }))
            await source.close()
            await log.close()
        }
    }

    @Test("a close sends the answers, and gives the rest to another replica at once", arguments: NatsServer.binaries)
    func closing(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            try await publish(0..<10, to: log)
            var subscription = subscription()
            subscription.acknowledgementWait = .seconds(600)
            let source = try await log.subscribe(subscription)
            let taken = try await source.next(upTo: 3, waiting: .seconds(10))
            await source.answer(.acknowledge, to: taken)
            await source.close()
            await source.close()
            await #expect(throws: EventLogError.self) { try await source.next(upTo: 1, waiting: .zero) }
            let heir = try await log.subscribe(subscription)
            // 2.9.10 may deliver one of them twice when the requests of the first replica end.
            var seen = Set(taken.map(\.sequence))
            try await waitUntil("all ten, long before the acknowledgement wait") {
                let arrived = try await heir.next(upTo: 10, waiting: .milliseconds(200))
                await heir.answer(.acknowledge, to: arrived)
                seen.formUnion(arrived.map(\.sequence))
                return seen.count == 10
            }
            await heir.close()
            await log.close()
        }
    }

    @Test("a cancelled wait ends empty-handed", .timeLimit(.minutes(1)))
    func cancellation() async throws {
        let binary = try #require(NatsServer.binaries.first)
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let source = try await log.subscribe(subscription())
            let deliveries = try await withThrowingTaskGroup(of: [Delivery].self) { group in
                group.addTask { try await source.next(upTo: 1, waiting: .seconds(3600)) }
                group.cancelAll()
                return try await group.next()
            }
            #expect(deliveries == [])
            await source.close()
            await log.close()
        }
    }

    @Test("one type is filtered by the broker", arguments: NatsServer.binaries)
    func filter(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            _ = await log.publish(WireMessage(subject: "shop.order.1"), expecting: .any)
            try await publish(0..<1, to: log)
            var subscription = subscription()
            subscription.onlyType = try AggregateType("product")
            let source = try await log.subscribe(subscription)
            #expect(try await source.collect(1).map(\.message.subject) == ["shop.product.0"])
            #expect(try await log.consumerState("orders-orders")?.pending == 0)
            await source.close()
            await log.close()
        }
    }
}
