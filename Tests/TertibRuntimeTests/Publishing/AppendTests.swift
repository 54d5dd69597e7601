import Testing
import TertibCore
import TertibTesting

@testable import TertibRuntime

@Suite("Append: the stream is the truth, and its versions have no hole", .timeLimit(.minutes(1)))
struct AppendTests {
    private let stock: Aggregate
    private let world: World

    init() throws {
        stock = try Aggregate(parsing: "stock/a b/\u{fc}*.>")
        world = try World()
    }

    private func event(_ id: String? = nil) throws -> NewEvent {
        try NewEvent(type: try EventType("stock.counted"), json: Array("{}".utf8), id: try id.map { try EventID($0) })
    }

    /// What a foreign reader finds on the aggregate's subject.
    private func versions() throws -> [Int64] {
        try world.log.messages.map { try Make.codec().decode($0.message) }.filter { $0.aggregate == stock }
            .map(\.version.number)
    }

    @Test("Events get contiguous versions, and each points at its predecessor")
    func contiguous() async throws {
        let service = try await world.service(.ledger()).service
        let first = try await service.append([try event(), try event()], to: stock, expecting: AggregateVersion.none)
        let third = try await service.append([try event()], to: stock, expecting: nil)
        #expect((first + third).map(\.version.number) == [1, 2, 3])
        #expect(third.first?.token.description == "stock/a%20b%2F%C3%BC%2A%2E%3E@3")
        #expect(try VersionToken(parsing: "stock/a%20b%2F%C3%BC%2A%2E%3E@3") == third.first?.token)
        #expect(world.log.messages.map(\.message.predecessor) == (0...2).map { StreamSequence($0) })
    }

    @Test("Of eight writers at one version one wins; the others learn the expected and the actual version")
    func race() async throws {
        var services: [EventBus] = []
        for _ in 0..<8 { services.append(try await world.service(.ledger()).service) }
        for round in 0..<10 {
            let expected = try Make.version(round)
            let outcomes = await withTaskGroup(of: Result<PublishReceipt?, any Error>.self) { [stock] group in
                for service in services {
                    group.addTask {
                        do {
                            return .success(
                                try await service.append([try event()], to: stock, expecting: expected).first)
                        } catch {
                            return .failure(error)
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { (try? $0.get()) != nil } == 1)
            for case .failure(let error) in outcomes {
                let conflict = try #require(error as? VersionConflict)
                #expect(conflict.expected == expected)
                #expect(conflict.actual?.number == Int64(round) + 1)
            }
        }
        #expect(try versions() == (1...10).map { $0 })
    }

    @Test("A message of the aggregate that is still on its way decides nothing", arguments: ContestedLog.Fate.allCases)
    func onItsWay(fate: ContestedLog.Fate) async throws {
        let conflicting = try world.factory.message(stock, version: .first, id: try EventID("theirs"))
        let log = ContestedLog(world.log.replica(), conflicting: conflicting, fate: fate)
        let service = try EventBus(
            options: EventBusOptions(
                service: try ServiceName("service"), namespace: try Namespace(Make.namespace),
                publishes: [try AggregateType("stock"): .append]),
            log: log, store: try await world.store())
        switch fate {
        case .isLost, .isThisOne:
            let receipt = try await service.append([try event("mine")], to: stock, expecting: AggregateVersion.none)
            #expect(receipt.map(\.eventID.text) == ["mine"])
        case .arrives:
            let conflict = try await #require(throws: VersionConflict.self) {
                try await service.append([try event("mine")], to: stock, expecting: AggregateVersion.none)
            }
            #expect(conflict.actual == .first)
        }
        #expect(try versions() == [1])
        #expect(log.remaining == 0, "the broker did not say that a message is on its way")
    }

    @Test("A lost answer is settled: the event is found, not written twice", arguments: [true, false])
    func lostAnswer(isStored: Bool) async throws {
        let service = try await world.service(.ledger()).service
        if isStored { world.log.faults.lostPublishAnswers = 1 } else { world.log.faults.lostPublishes = 1 }
        let receipt = try await service.append([try event()], to: stock, expecting: AggregateVersion.none).first
        #expect(receipt?.version == .first)
        #expect(try versions() == [1])
    }

    @Test("A retry after an unknown outcome finds its own event, also behind another writer's")
    func retryBehindAnother() async throws {
        let service = try await world.service(.ledger()).service
        let first = try await service.append([try event("mine")], to: stock, expecting: AggregateVersion.none)
        _ = try await service.append([try event("theirs")], to: stock, expecting: .first)
        let again = try await service.append([try event("mine")], to: stock, expecting: AggregateVersion.none)
        #expect(again.map(\.sequence) == first.map(\.sequence))
        #expect(again.first?.isDuplicate == true)
        #expect(try versions() == [1, 2])
    }

    @Test("A retried append of several events goes on behind those that were stored")
    func retryOfSeveral() async throws {
        let service = try await world.service(.ledger()).service
        let events = try ["a", "b", "c"].map { try event($0) }
        _ = try await service.append([events[0]], to: stock, expecting: AggregateVersion.none)
        let receipts = try await service.append(events, to: stock, expecting: AggregateVersion.none)
        #expect(receipts.map(\.version.number) == [1, 2, 3])
        #expect(receipts.map(\.isDuplicate) == [true, false, false])
        #expect(try versions() == [1, 2, 3])
    }

    @Test("Behind foreign events out of order, the next version is one above the highest")
    func afterForeignDisorder() async throws {
        for version in [2, 3, 1] {
            world.log.store(try world.factory.message(stock, version: try Make.version(version)))
        }
        let service = try await world.service(.ledger()).service
        let receipts = try await service.append([try event(), try event()], to: stock, expecting: nil)
        #expect(receipts.map(\.version.number) == [4, 5])
    }

    @Test("Versions do not start again when the stream has forgotten an aggregate")
    func trimmed() async throws {
        let service = try await world.service(.ledger()).service
        _ = try await service.append([try event(), try event()], to: stock, expecting: AggregateVersion.none)
        world.log.trim(before: StreamSequence(3))
        let receipt = try await service.append([try event()], to: stock, expecting: try Make.version(2)).first
        #expect(receipt?.version.number == 3)
    }

    @Test("A stream that has lost its tail is refused: a next version would leave a hole", arguments: [true, false])
    func lostTail(isReused: Bool) async throws {
        let service = try await world.service(.ledger()).service
        _ = try await service.append([try event(), try event()], to: stock, expecting: AggregateVersion.none)
        world.log.loseTail(after: StreamSequence(1))
        if isReused { try world.publish(1...3) }
        let error = await #expect(throws: PublishingError.self) {
            _ = try await service.append([try event()], to: stock, expecting: nil)
        }
        #expect(error?.code == .unsafeStream)
    }

    @Test("Without an expectation a writer that loses a race tries again, and all get their version")
    func withoutExpectation() async throws {
        var services: [EventBus] = []
        for _ in 0..<4 { services.append(try await world.service(.ledger()).service) }
        try await withThrowingTaskGroup(of: Void.self) { [stock] group in
            for service in services {
                group.addTask {
                    for _ in 0..<5 { _ = try await service.append([try event()], to: stock, expecting: nil) }
                }
            }
            try await group.waitForAll()
        }
        #expect(try versions() == (1...20).map { $0 })
    }

    @Test("An event id that another event has is refused")
    func identityClash() async throws {
        let service = try await world.service(.ledger()).service
        _ = try await service.append([try event("same")], to: try Aggregate(parsing: "stock/1"), expecting: nil)
        let error = await #expect(throws: PublishingError.self) {
            _ = try await service.append([try event("same")], to: try Aggregate(parsing: "stock/2"), expecting: nil)
        }
        #expect(error?.code == .identityClash)
    }

    @Test("A type that the service does not own, or writes the other way, is refused")
    func ownership() async throws {
        let service = try await world.service(.ledger()).service
        let other = await #expect(throws: PublishingError.self) {
            _ = try await service.append([try event()], to: try Aggregate(parsing: "order/1"), expecting: nil)
        }
        #expect(other?.code == .wrongWay)
        let foreign = await #expect(throws: PublishingError.self) {
            _ = try await service.append([try event()], to: try Aggregate(parsing: "product/1"), expecting: nil)
        }
        #expect(foreign?.code == .notOwner)
        _ = try await service.append(
            [try event()], to: try Aggregate(parsing: "product/1"), expecting: nil, force: true)
    }

    @Test("A payload that is not JSON is refused before anything is sent")
    func invalidPayload() throws {
        #expect(throws: PublishingError.self) { try NewEvent(type: try EventType("x"), json: Array("nope".utf8)) }
    }

    @Test("Read your writes: a wait ends when the consumer has applied the version, or at its limit")
    func wait() async throws {
        let (service, consumer) = try await world.service(.ledger())
        let receipt = try #require(
            try await service.append([try event()], to: stock, expecting: AggregateVersion.none).first)
        await #expect(throws: PublishingError.self) {
            try await service.wait(for: receipt.token, consumer: World.consumer, timeout: .milliseconds(5))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await consumer.run() }
            try await service.wait(for: receipt.token, consumer: World.consumer, timeout: .seconds(30))
            group.cancelAll()
            try await group.waitForAll()
        }
    }
}
