import Testing
import TertibCore
import TertibTesting

@testable import TertibRuntime

@Suite("Where the stream has lost what it had acknowledged", .timeLimit(.minutes(1)))
struct LostTailTests {
    private let order: Aggregate

    init() throws {
        order = try Aggregate(parsing: "order/7")
    }

    private func stage(_ count: Int, with service: EventBus) async throws {
        let order = order
        try await service.transaction { transaction in
            let event = try NewEvent(type: try EventType("order.placed"), json: Array("{}".utf8))
            for _ in 0..<count { try transaction.stage(event, for: order) }
        }
    }

    private func published(_ world: World) -> [Envelope] {
        world.log.messages.compactMap { try? Make.codec().decode($0.message) }.filter { $0.aggregate == order }
    }

    private func versions(_ world: World) -> [Int64] { published(world).map(\.version.number) }

    private func unpublished(_ service: EventBus) async throws -> Int {
        try await service.store.read { try $0.outboxSummary().rows }
    }

    @Test(
        "The relay publishes it again from the outbox, each event with its id, before anything new",
        arguments: World.StoreKind.allCases, [0, 3])
    func again(kind: World.StoreKind, others: Int) async throws {
        let world = try World(kind)
        let service = try await world.service(.ledger()).service
        try await stage(3, with: service)
        try await service.makeRelay().drain()
        let ids = published(world).map(\.id)
        world.log.loseTail(after: StreamSequence(1))
        if others > 0 { try world.publish(1...others) }
        try await stage(1, with: service)
        try await service.makeRelay().drain()
        #expect(versions(world) == [1])
        #expect(try await unpublished(service) == 3)
        try await service.makeRelay().drain()
        #expect(versions(world) == [1, 2, 3, 4])
        #expect(published(world).prefix(3).map(\.id) == ids)
        #expect(try await unpublished(service) == 0)
    }

    @Test("A relay that comes second finds that another one has begun to publish again, and leaves no hole")
    func second() async throws {
        let world = try World()
        let service = try await world.service(.ledger()).service
        try await stage(3, with: service)
        try await service.makeRelay().drain()
        try await stage(1, with: service)
        let claims = try await service.store.transaction { transaction in
            try transaction.claimOutbox(now: try transaction.now(), lease: .zero, limit: 1)
        }
        let late = try #require(claims.first)
        let second = world.log.messages[1].message
        world.log.loseTail(after: StreamSequence(1))
        try world.publish(1...3)
        _ = try await service.makeRelay().round()  // takes back that versions 2 and 3 are published
        world.log.store(second)
        let run = RelayRun(late, codec: try Make.codec())
        #expect(await service.makeRelay().publish(run).marks == [.later(late.row, after: .zero)])
        #expect(versions(world) == [1, 2])
        try await service.makeRelay().drain()
        #expect(versions(world) == [1, 2, 3, 4])
    }

    @Test("Where the outbox no longer holds it, the relay stops that aggregate, and leaves no hole", arguments: [0, 3])
    func notHeld(others: Int) async throws {
        let world = try World()
        let service = try await world.service(.ledger()).service
        try await stage(2, with: service)
        try await service.makeRelay().drain()
        _ = try await service.store.transaction { transaction in
            try transaction.deletePublished(before: try transaction.now().advanced(by: .seconds(1)), limit: 10)
        }
        world.log.loseTail(after: StreamSequence(1))
        if others > 0 { try world.publish(1...others) }
        try await stage(1, with: service)
        try await service.makeRelay().drain()
        try await service.makeRelay().drain()
        #expect(versions(world) == [1])
        #expect(try await unpublished(service) == 1)
    }

    @Test("A repair does not take for a missing version what has got its sequence since")
    func reused() async throws {
        let world = try World()
        try world.publish(1...4)
        let gap = Gap(
            aggregate: try Make.aggregate("1"), watermark: .none, watermarkSequence: .none,
            lowestParked: try Make.version(4), lowestStored: [],
            oldestParkedAt: Timestamp(microseconds: 0))
        var search = GapSearch(gap, codec: try Make.codec())
        let end = Duration.seconds(1 << 40)
        _ = search.begin(.init(maySearch: true, hasNoRoom: true, limit: 3, reads: 100), gap)
        #expect(try await search.run(on: world.log, SystemTime(), until: end).map(\.sequence.number) == [1, 2, 3])
        world.log.loseTail(after: StreamSequence(1))
        try world.publish(1...1, of: "2")
        try world.publish(2...3)
        _ = search.begin(.init(maySearch: true, limit: 10, reads: 100), gap)
        #expect(try await search.run(on: world.log, SystemTime(), until: end).map(\.sequence.number) == [1])
        let after = Gap(
            aggregate: gap.aggregate, watermark: .first, watermarkSequence: StreamSequence(1),
            lowestParked: gap.lowestParked, lowestStored: [],
            oldestParkedAt: gap.oldestParkedAt)
        _ = search.begin(.init(maySearch: true, limit: 10, reads: 100), after)
        #expect(try await search.run(on: world.log, SystemTime(), until: end).map(\.sequence.number) == [3])
    }
}
