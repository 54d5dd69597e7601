import Testing
import TertibCore
import TertibTesting

@testable import TertibRuntime

@Suite("The outbox: published if, and only if, the state change committed, in version order", .timeLimit(.minutes(1)))
struct OutboxTests {
    private let order: Aggregate

    init() throws {
        order = try Aggregate(parsing: "order/7")
    }

    private func event() throws -> NewEvent {
        try NewEvent(type: try EventType("order.placed"), json: Array("{}".utf8))
    }

    private func stage(_ count: Int, with service: EventBus, for aggregate: Aggregate? = nil) async throws {
        let (aggregate, event) = (aggregate ?? order, try event())
        try await service.transaction { transaction in
            for _ in 0..<count { try transaction.stage(event, for: aggregate) }
        }
    }

    private func published(_ world: World, of aggregate: Aggregate? = nil) -> [Int64] {
        world.log.messages.compactMap { try? Make.codec().decode($0.message) }
            .filter { $0.aggregate == aggregate ?? order }.map(\.version.number)
    }

    @Test("What is staged is published in order; what is rolled back never is", arguments: World.StoreKind.allCases)
    func basics(kind: World.StoreKind) async throws {
        let world = try World(kind)
        let service = try await world.service(.ledger()).service
        try await stage(3, with: service)
        await #expect(throws: HandlerRefused.self) {
            try await service.transaction { [order] transaction in
                try transaction.stage(try event(), for: order)
                throw HandlerRefused()
            }
        }
        try await stage(2, with: service)
        try await service.makeRelay().drain()
        #expect(published(world) == [1, 2, 3, 4, 5])
        let head = try await service.store.read { [order] in try $0.head(of: order) }
        #expect(head?.publishedVersion.number == 5)
        #expect(head?.streamSequence == StreamSequence(5))
        #expect(try await service.store.read { try $0.outboxSummary().rows } == 0)
    }

    @Test("A writer at an old version gets a conflict, and stages nothing", arguments: World.StoreKind.allCases)
    func conflict(kind: World.StoreKind) async throws {
        let world = try World(kind)
        let service = try await world.service(.ledger()).service
        try await stage(2, with: service)
        let conflict = await #expect(throws: VersionConflict.self) {
            try await service.transaction { [order] in try $0.stage(try event(), for: order, expecting: .first) }
        }
        #expect(conflict?.expected == .first)
        #expect(conflict?.actual?.number == 2)
        #expect(try await service.store.read { try $0.outboxSummary().rows } == 2)
    }

    @Test("Four relays at once publish each version once, in order", arguments: World.StoreKind.allCases)
    func severalRelays(kind: World.StoreKind) async throws {
        let world = try World(kind)
        var services: [EventBus] = []
        for _ in 0..<4 { services.append(try await world.service(.ledger()).service) }
        let aggregates = try (0..<5).map { try Aggregate(parsing: "order/\($0)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in services {
                group.addTask {
                    for aggregate in aggregates { try await stage(10, with: service, for: aggregate) }
                    try await service.makeRelay().drain()
                }
            }
            try await group.waitForAll()
        }
        try await services[0].makeRelay().drain()
        for aggregate in aggregates {
            #expect(published(world, of: aggregate) == (1...40).map { $0 })
        }
    }

    @Test(
        "A relay that crashes at any call leaves every event to be published once", arguments: CrashSite.all)
    func crash(site: CrashSite) async throws {
        let world = try World()
        let service = try await world.service(.ledger()).service
        try await stage(3, with: service)
        let crash = Crash(at: site)
        let crashing = try await world.service(.ledger(), crash: crash).service
        do {
            _ = try await crashing.makeRelay().round()
            #expect(!crash.hasHappened)
            #expect(!["relayAfterClaim", "relayMidPublish", "relayAfterPublish", "commit.before"].contains("\(site)"))
        } catch {
            #expect(crash.hasHappened)
        }
        try await releaseLeases(of: service)
        try await service.makeRelay().drain()
        #expect(published(world) == [1, 2, 3])
        #expect(try await service.store.read { try $0.outboxSummary().rows } == 0)
    }

    /// What the end of a dead relay's lease does.
    private func releaseLeases(of service: EventBus) async throws {
        let rows = try await service.store.read { try $0.outboxRows(of: nil, limit: 100) }
        try await service.store.transaction { transaction in
            for row in rows { try transaction.releaseOutbox(row, notBefore: try transaction.now()) }
        }
    }

    @Test("Answers that are lost lead to no second copy")
    func lostAnswers() async throws {
        let world = try World()
        let service = try await world.service(.ledger()).service
        try await stage(4, with: service)
        world.log.faults.lostPublishAnswers = 2
        try await service.makeRelay().drain()
        #expect(published(world) == [1, 2, 3, 4])
    }

    @Test("Unexpected messages on the subject do not stop the relay")
    func unexpectedMessages() async throws {
        let world = try World()
        let service = try await world.service(.ledger()).service
        try await stage(1, with: service)
        try await service.makeRelay().drain()
        world.log.store(WireMessage(subject: "test.order.7", headers: [], body: []))
        try await stage(1, with: service)
        try await service.makeRelay().drain()
        #expect(published(world) == [1, 2])
    }

    @Test("Another writer's event of a staged version stops its aggregate, and no other")
    func forked() async throws {
        let world = try World()
        let service = try await world.service(.ledger()).service
        world.log.store(try world.factory.message(order, version: .first))
        try await stage(1, with: service)
        let other = try Aggregate(parsing: "order/8")
        try await stage(1, with: service, for: other)
        try await service.makeRelay().drain()
        #expect(published(world) == [1])
        #expect(published(world, of: other) == [1])
        #expect(try await service.store.read { try $0.outboxSummary().rows } == 1)
    }

    @Test("Where the stream has trimmed an aggregate's history, its versions go on")
    func trimmed() async throws {
        let world = try World()
        let service = try await world.service(.ledger()).service
        try await stage(2, with: service)
        try await service.makeRelay().drain()
        world.log.trim(before: StreamSequence(3))
        try await stage(1, with: service)
        try await service.makeRelay().drain()
        #expect(published(world) == [3])
    }

    @Test("Where the stream has trimmed what a dead relay published, its last event tells that the others were")
    func trimmedBehindDeadRelay() async throws {
        var forgetful = MemoryStreamSettings()
        forgetful.duplicateWindow = .zero
        let world = try World(stream: forgetful)
        let service = try await world.service(.ledger()).service
        try await stage(3, with: service)
        let crash = Crash(at: CrashSite(.markPublished, .before))
        let crashing = try await world.service(.ledger(), crash: crash).service
        await #expect(throws: StoreError.self) { _ = try await crashing.makeRelay().round() }
        #expect(published(world) == [1, 2, 3])
        world.log.trim(before: StreamSequence(3))
        try await releaseLeases(of: service)
        try await service.makeRelay().drain()
        #expect(try await service.store.read { try $0.outboxSummary().rows } == 0)
        try await stage(1, with: service)
        try await service.makeRelay().drain()
        #expect(published(world) == [3, 4])
    }

    @Test("While the broker knows an id whose message is gone, nothing is decided")
    func duplicateOfNothing() async throws {
        let world = try World()
        let service = try await world.service(.ledger()).service
        try await stage(1, with: service)
        world.log.faults.lostPublishAnswers = 1
        let row = try #require(try await service.store.read { try $0.outboxRows(of: nil, limit: 1).first })
        let message = try StoredEnvelope.decode(row.stored, subject: "test.order.7")
        _ = await world.log.publish(message, expecting: .any)
        world.log.purge("test.order.7")
        try await service.makeRelay().drain()
        #expect(published(world).isEmpty)
        #expect(try await service.store.read { try $0.outboxSummary().rows } == 1)
    }

    @Test("An aggregate whose history is older than the database goes on after its head is adopted")
    func adopt() async throws {
        let world = try World()
        let service = try await world.service(.ledger()).service
        for version in 1...3 { world.log.store(try world.factory.message(order, version: try Make.version(version))) }
        #expect(try await service.adoptHead(of: order).number == 3)
        await #expect(throws: VersionConflict.self) { _ = try await service.adoptHead(of: order) }
        try await stage(1, with: service)
        try await service.makeRelay().drain()
        #expect(published(world) == [1, 2, 3, 4])
    }

    @Test("The relay runs by itself: a commit wakes it, and a broker that is away is waited for")
    func running() async throws {
        let world = try World()
        let service = try await world.service(.ledger()).service
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await service.makeRelay().run() }
            try await stage(1, with: service)
            try await world.eventually("the first event published") { published(world) == [1] }
            world.log.setAvailable(false)
            try await stage(1, with: service)
            world.log.setAvailable(true)
            try await world.eventually("the second event published") { published(world) == [1, 2] }
            group.cancelAll()
            try await group.waitForAll()
        }
    }
}
