import Synchronization
import Testing
import TertibCore
import TertibTesting

@testable import TertibRuntime

@Suite("A consumer's replicas, from the stream to the database", .timeLimit(.minutes(2)))
struct ConsumerTests {
    @Test(
        "Shuffled, duplicated, half of the acknowledgements lost, four replicas: applied once, in order, all of it",
        arguments: World.StoreKind.allCases, [1, 2] as [UInt64])
    func wild(kind: World.StoreKind, seed: UInt64) async throws {
        let world = try World(kind, seed: seed)
        world.log.faults.shuffleWindow = 64
        world.log.faults.duplication = 0.1
        world.log.faults.answerLoss = 0.5
        var generator = SeededGenerator(seed: seed)
        let events = (1...12).flatMap { id in (1...15).map { (id, $0) } }.shuffled(using: &generator)
        for (id, version) in events { try world.publish([version], of: "\(id)") }
        try await world.run(replicas: 4) { consumers in
            try await world.eventually("everything applied") {
                consumers.reduce(0) { $0 + $1.counts.applied } >= events.count
            }
            world.log.faults.answerLoss = 0
            try await world.rest()
            for id in 1...12 { #expect(try await world.history("\(id)") == (1...15).map { $0 }) }
            let counts = consumers.map(\.counts)
            #expect(counts.reduce(0) { $0 + $1.applied } == events.count)
            #expect(counts.reduce(0) { $0 + $1.stale + $1.waiting } > 0, "duplicates were met")
        }
    }

    @Test(
        "A burst of a hundred events on one aggregate, dealt one by one to four replicas",
        arguments: World.StoreKind.allCases)
    func burst(kind: World.StoreKind) async throws {
        let world = try World(kind)
        try await world.run(replicas: 4) { consumers in
            try world.publish([1])
            try await world.rest()
            try world.publish(2...100)
            try await world.rest()
            #expect(try await world.history() == (1...100).map { $0 })
            #expect(consumers.count { $0.counts.delivered > 0 } > 1, "the burst was dealt to several replicas")
        }
    }

    @Test(
        "A stream that holds the versions in reverse order ends as if it were in order",
        arguments: World.StoreKind.allCases)
    func reverse(kind: World.StoreKind) async throws {
        let world = try World(kind)
        try world.publish((1...40).reversed())
        try await world.run(replicas: 2) { _ in
            try await world.rest()
            #expect(try await world.history() == (1...40).map { $0 })
        }
    }

    @Test("A version that no delivery will bring is read from the stream", arguments: [true, false])
    func repair(hasPointers: Bool) async throws {
        let world = try World { $0.acknowledgementWait = .seconds(600) }
        var last = StreamSequence.none
        func publish(_ versions: ClosedRange<Int>) async throws {
            for version in versions {
                let message = Make.codecMessage(try Make.envelope(version))
                let expectation = hasPointers ? SubjectExpectation.lastSequence(last) : .any
                guard case .stored(let sequence, _) = await world.log.publish(message, expecting: expectation) else {
                    Issue.record("version \(version) was not stored")
                    return
                }
                last = sequence
            }
        }
        try await publish(1...3)
        // A replica that took the first three and is gone without a word: they come again after ten minutes.
        let gone = world.log.replica()
        let source = try await gone.subscribe(
            Subscription(
                durableName: World.durable, acknowledgementWait: .seconds(600),
                storeID: try await storeID(of: world)))
        #expect(try await source.next(upTo: 3, waiting: .seconds(5)).count == 3)
        gone.crash()
        try await publish(4...5)
        try await world.run { consumers in
            try await world.eventually("all five applied") { consumers[0].counts.applied == 5 }
            #expect(try await world.history() == [1, 2, 3, 4, 5])
            #expect(consumers[0].counts.repaired == 3)
        }
    }

    /// The identity of the world's database, as the first replica to come makes it.
    private func storeID(of world: World) async throws -> String {
        let state = try await world.log.state()
        let name = try ConsumerName(World.consumer)
        let fresh = ConsumerRegistration(storeID: "the-store", stream: state.name, streamCreatedAt: state.createdAt)
        return try await world.store().transaction { try $0.registration(name, insertingIfAbsent: fresh) }.storeID
    }

    @Test("A malformed message is a dead letter with its bytes and the reason, once, and everything else is applied")
    func malformed() async throws {
        let world = try World()
        try world.publish(1...2)
        world.log.store(WireMessage(subject: "test.product.1", headers: [], body: [0xFF, 0x00]))
        world.log.store(WireMessage(subject: "test.nonsense", headers: [HeaderField("Status", "503")], body: []))
        try world.publish(3...3)
        try await world.run { consumers in
            try await world.rest()
            #expect(try await world.history() == [1, 2, 3])
            #expect(consumers[0].counts.malformed == 2)
        }
        let deadLetters = try await world.deadLetters().sorted { $0.streamSequence < $1.streamSequence }
        #expect(deadLetters.map(\.reason) == [.malformed, .malformed])
        #expect(deadLetters.first?.body == [0xFF, 0x00])
        #expect(deadLetters.first?.aggregate == (try Make.aggregate()))
        #expect(deadLetters.allSatisfy { !$0.error.isEmpty })
        try await world.run { consumers in
            try await world.rest()
            #expect(consumers[0].counts.delivered == 0, "a restart changes nothing")
        }
    }

    @Test("A failing event is tried again by the sweeper, while every other aggregate goes on")
    func retries() async throws {
        let failures = Mutex(3)
        let handlers = Handlers.ledger { envelope, _ in
            guard envelope.id.text == "1-2" else { return }
            let fails = failures.withLock { left in
                left -= 1
                return left >= 0
            }
            if fails { throw HandlerRefused() }
        }
        let world = try World {
            $0.retry = RetryPolicy(maxAttempts: 8, initialDelay: .milliseconds(1), maxDelay: .milliseconds(2))
        }
        try world.publish(1...4)
        try world.publish(1...4, of: "other")
        var ended: Consumer?
        try await world.run(handlers: handlers) { consumers in
            try await world.rest()
            #expect(try await world.history() == [1, 2, 3, 4])
            #expect(try await world.history("other") == [1, 2, 3, 4])
            ended = consumers[0]
        }
        // What has committed can be seen before it is counted; at the end it is.
        #expect(ended?.counts.retried == 1)
        #expect(ended?.counts.drained == 2)
    }

    @Test("A database that is away: nothing is acknowledged, and the consumer goes on by itself")
    func storeAway() async throws {
        let world = try World()
        let store = try #require(try await world.store() as? MemoryStore)
        try await world.run { consumers in
            try world.publish(1...1)
            try await world.rest()
            store.setAvailable(false)
            try world.publish(2...5)
            try await world.eventually("the consumer paused") { consumers[0].counts.pauses > 0 }
            #expect(try await world.log.consumerState(World.durable)?.acknowledgedFloor == StreamSequence(1))
            store.setAvailable(true)
            try await world.rest()
            #expect(try await world.history() == [1, 2, 3, 4, 5])
        }
    }

    @Test(
        "An aggregate at its limit of parked rows that moves on pauses no consumer, and nothing is lost",
        arguments: [1, 2] as [UInt64], [1, 4])
    func parkedLimit(seed: UInt64, replicas: Int) async throws {
        let world = try World(seed: seed) {
            $0.maxParkedPerAggregate = 5
            $0.batch = 8
        }
        try world.publish((1...60).reversed())
        try await world.run(replicas: replicas) { consumers in
            try await world.rest()
            #expect(try await world.history() == (1...60).map { $0 })
            #expect(consumers.map(\.counts.pauses) == [Int](repeating: 0, count: replicas))
        }
    }

    @Test("An aggregate that stays at its limit of parked rows pauses the consumer, and nothing is acknowledged")
    func parkedLimitStays() async throws {
        let world = try World {
            $0.maxParkedPerAggregate = 5
            $0.batch = 8
        }
        try world.publish(2...60)
        try await world.run { consumers in
            try await world.eventually("the consumer paused") { consumers[0].counts.pauses > 0 }
            try world.publish(1...1)
            try await world.rest()
            #expect(try await world.history() == (1...60).map { $0 })
        }
    }

    @Test("After a graceful stop nothing that committed is delivered again, and what did not is at once")
    func gracefulStop() async throws {
        let world = try World { $0.acknowledgementWait = .seconds(600) }
        try world.publish(1...200)
        try await world.run { consumers in
            try await world.eventually("some applied") { consumers[0].counts.applied > 0 }
        }
        let applied = try await world.history().count
        try await world.run { consumers in
            try await world.rest()
            #expect(consumers[0].counts.stale == 0)
            #expect(consumers[0].counts.applied == 200 - applied)
        }
        #expect(try await world.history() == (1...200).map { $0 })
    }

    @Test("An aggregate type outside the consumer's is acknowledged as ignored")
    func ignored() async throws {
        let world = try World { $0.aggregates = try? [AggregateType("product"), AggregateType("order")] }
        world.log.store(try world.factory.message(try Aggregate(parsing: "stock/1"), version: .first))
        try world.publish(1...1)
        try await world.run { consumers in
            try await world.rest()
            #expect(consumers[0].counts.ignored == 1)
            #expect(consumers[0].counts.applied == 1)
        }
    }

    @Test("A durable consumer that disappears ends the consumer with the reason")
    func consumerGone() async throws {
        let world = try World()
        try world.publish(1...1)
        let consumer = try await world.service(.ledger()).consumer
        await #expect(throws: EventLogError.self) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await consumer.run() }
                try await world.rest()
                world.log.deleteConsumer(World.durable)
                try await group.waitForAll()
            }
        }
    }

    @Test("A stream that was created anew is refused: versions may have started again")
    func streamRecreated() async throws {
        let world = try World()
        try world.publish(1...1)
        try await world.run { _ in try await world.rest() }
        world.log.recreateStream()
        let consumer = try await world.service(.ledger()).consumer
        let error = await #expect(throws: ConsumerError.self) { try await consumer.run() }
        #expect(error?.code == .streamChanged)
    }
}
