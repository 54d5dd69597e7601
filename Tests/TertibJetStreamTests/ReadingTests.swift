import TertibCore
import TertibJetStream
import TestServers
import Testing
import TertibRuntime

@Suite("Reading the stream")
struct ReadingTests {
    private static let sources: [ReadSource] = [.anyReplica, .leader]

    @Test("messages are found by sequence, and first and last on a subject", arguments: NatsServer.binaries)
    func found(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            for (aggregate, id) in [("1", "a"), ("2", "b"), ("1", "c"), ("2", "d"), ("1", "e")] {
                _ = await log.publish(message(aggregate, id, body: Array("\"\(id)\"".utf8)), expecting: .any)
            }
            _ = await log.publish(WireMessage(subject: "shop.order.1", body: []), expecting: .any)
            for source in Self.sources {
                let third = try await log.message(at: StreamSequence(3), from: source)
                #expect(third?.message.subject == "shop.product.1")
                #expect(third?.message.body == Array("\"c\"".utf8))
                #expect(third?.message.values(of: "ce-id") == [Array("c".utf8)])
                #expect(third?.sequence == StreamSequence(3))
                let first = try await log.firstMessage(on: "shop.product.1", from: StreamSequence(2), source: source)
                #expect(first?.sequence == StreamSequence(3))
                let start = try await log.firstMessage(on: "shop.product.2", from: .none, source: source)
                #expect(start?.sequence == StreamSequence(2))
                let any = try await log.firstMessage(on: "shop.*.1", from: StreamSequence(6), source: source)
                #expect(any?.message.subject == "shop.order.1")
                #expect(any?.message.body == [])
                let last = try await log.lastMessage(on: "shop.product.1", from: source)
                #expect(last?.sequence == StreamSequence(5))
            }
            await log.close()
        }
    }

    @Test("what is not there is nil, whoever is asked", arguments: NatsServer.binaries)
    func absent(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            for id in ["a", "b", "c"] { _ = await log.publish(message("1", id), expecting: .any) }
            _ = try fixture.raw().request("$JS.API.STREAM.MSG.DELETE.SHOP", #"{"seq":2}"#)
            for source in Self.sources {
                #expect(try await log.message(at: StreamSequence(2), from: source) == nil)
                #expect(try await log.message(at: StreamSequence(9), from: source) == nil)
                #expect(try await log.message(at: .none, from: source) == nil)
                #expect(try await log.firstMessage(on: "shop.product.9", from: .none, source: source) == nil)
                #expect(
                    try await log.firstMessage(on: "shop.product.1", from: StreamSequence(4), source: source) == nil)
                #expect(try await log.lastMessage(on: "shop.product.9", from: source) == nil)
            }
            let state = try await log.state()
            #expect(state.messages == 2)
            #expect(state.deleted == 1)
            #expect(state.firstSequence == StreamSequence(1))
            #expect(state.lastSequence == StreamSequence(3))
            _ = try fixture.raw().request("$JS.API.STREAM.PURGE.SHOP")
            let empty = try await log.state()
            #expect(empty.firstSequence == StreamSequence(4))
            #expect(empty.lastSequence == StreamSequence(3))
            await log.close()
        }
    }

    @Test("without direct get the leader is asked", arguments: NatsServer.binaries)
    func withoutDirectGet(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let created = try fixture.raw().request(
                "$JS.API.STREAM.CREATE.SHOP",
                #"{"name":"SHOP","subjects":["shop.>"],"storage":"file","discard":"new","num_replicas":1}"#)
            #expect(!created.contains("error"))
            let log = try await fixture.log { $0.management = .check }
            _ = await log.publish(message("1", "a"), expecting: .any)
            #expect(try await log.message(at: StreamSequence(1), from: .anyReplica)?.sequence == StreamSequence(1))
            #expect(try await log.message(at: StreamSequence(2), from: .anyReplica) == nil)
            await log.close()
        }
    }

    @Test("a stream that is not there says so", arguments: NatsServer.binaries)
    func noStream(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.connectedLog()
            let error = await #expect(throws: EventLogError.self) { try await log.state() }
            #expect(error?.code == .streamGone)
            let read = await #expect(throws: EventLogError.self) {
                try await log.message(at: StreamSequence(1), from: .anyReplica)
            }
            #expect(read?.code == .streamGone)
            await log.close()
        }
    }

    @Test("large messages are read whole", arguments: NatsServer.binaries)
    func large(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let body = (0..<900_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            _ = await log.publish(message("1", "a", body: body), expecting: .any)
            for source in Self.sources {
                #expect(try await log.message(at: StreamSequence(1), from: source)?.message.body == body)
            }
            await log.close()
        }
    }
}
