import TertibCore
import TertibJetStream
import TestServers
import Testing
import TertibRuntime

@Suite("Publishing to JetStream")
struct PublishingTests {
    @Test("an expectation that holds is stored, one that does not says what is there", arguments: NatsServer.binaries)
    func expectations(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            #expect(await log.publish(message("1", "a"), expecting: .lastSequence(.none)).sequence == 1)
            #expect(await log.publish(message("1", "b"), expecting: .lastSequence(StreamSequence(1))).sequence == 2)
            #expect(
                await log.publish(message("1", "c"), expecting: .lastSequence(StreamSequence(1)))
                    == .unexpected(actual: StreamSequence(2)))
            #expect(await log.publish(message("1", "c"), expecting: .any).sequence == 3)
            await log.close()
        }
    }

    @Test(
        "the event id is the message id, so a second publish is told to be a duplicate", arguments: NatsServer.binaries)
    func duplicates(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            #expect(
                await log.publish(message("1", "a"), expecting: .any)
                    == .stored(sequence: StreamSequence(1), isDuplicate: false))
            #expect(
                await log.publish(message("1", "a"), expecting: .any)
                    == .stored(sequence: StreamSequence(1), isDuplicate: true))
            // The window is the stream's, not the subject's: this is no proof that the event is stored.
            #expect(
                await log.publish(message("2", "a"), expecting: .any)
                    == .stored(sequence: StreamSequence(1), isDuplicate: true))
            await log.close()
        }
    }

    @Test(
        "five thousand publishes at once each have an outcome, and each is stored once", arguments: NatsServer.binaries)
    func manyInFlight(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log { $0.requestTimeout = .seconds(60) }
            let sequences = await withTaskGroup(of: UInt64?.self) { group in
                for number in 0..<5000 {
                    group.addTask {
                        await log.publish(message("\(number)", "e\(number)"), expecting: .lastSequence(.none)).sequence
                    }
                }
                return await group.reduce(into: Set<UInt64?>()) { $0.insert($1) }
            }
            #expect(sequences == Set((1...5000).map { UInt64($0) }))
            #expect(try await log.state().messages == 5000)
            await log.close()
        }
    }

    @Test("a message as large as the server takes is stored, a larger one is refused", arguments: NatsServer.binaries)
    func bigMessages(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let large = [UInt8](repeating: 0x61, count: 1_000_000)
            #expect(await log.publish(message("1", "a", body: large), expecting: .any).sequence == 1)
            let larger = [UInt8](repeating: 0x61, count: 1 << 20)
            #expect(await log.publish(message("1", "b", body: larger), expecting: .any).refusal?.code == .tooLarge)
            #expect(await log.publish(message("1", "c"), expecting: .any).sequence == 2)
            let source = try await log.subscribe(subscription())
            #expect(try await source.collect(2).first?.message.body == large)
            await source.close()
            await log.close()
        }
    }

    @Test("a limit of the stream refuses with its name", arguments: NatsServer.binaries)
    func limits(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let created = try fixture.raw().request(
                "$JS.API.STREAM.CREATE.SHOP",
                #"{"name":"SHOP","subjects":["shop.>"],"retention":"limits","storage":"file","discard":"new","#
                    + #""max_msgs":2,"max_msg_size":2000,"num_replicas":1}"#)
            #expect(!created.contains("error"))
            let log = try await fixture.log()
            let large = [UInt8](repeating: 0x61, count: 3000)
            #expect(await log.publish(message("1", "big", body: large), expecting: .any).refusal?.code == .tooLarge)
            #expect(await log.publish(message("1", "a"), expecting: .any).sequence == 1)
            #expect(await log.publish(message("1", "b"), expecting: .any).sequence == 2)
            let full = await log.publish(message("1", "c"), expecting: .any).refusal
            #expect(full?.code == .full)
            #expect(full?.reason.contains("maximum messages exceeded") == true)
            await log.close()
        }
    }

    @Test("a subject that no stream or another one takes is refused", arguments: NatsServer.binaries)
    func foreignSubjects(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.connectedLog()
            let nowhere = await log.publish(message("1", "a"), expecting: .any).refusal
            #expect(nowhere?.code == .unavailable)
            let created = try fixture.raw().request(
                "$JS.API.STREAM.CREATE.OTHER", #"{"name":"OTHER","subjects":["shop.>"],"storage":"file"}"#)
            #expect(!created.contains("error"))
            #expect(await log.publish(message("1", "a"), expecting: .any).refusal?.code == .streamGone)
            await log.close()
        }
    }

    @Test(
        "what would change the protocol line is refused before it is sent",
        arguments: [
            WireMessage(subject: "shop.product.a b"), WireMessage(subject: "shop.product.a\r\nPUB x 0"),
            WireMessage(subject: "shop..a"), WireMessage(subject: "shop.product.*"), WireMessage(subject: ""),
            WireMessage(subject: "shop.product.1", headers: [HeaderField("a b", "c")]),
            WireMessage(subject: "shop.product.1", headers: [HeaderField("a", "b\r\nc: d")]),
            WireMessage(subject: "shop.product.1", headers: [HeaderField("a:b", "c")]),
            WireMessage(subject: "shop.product.1", headers: [HeaderField("a", "b\u{0}c")]),
            WireMessage(subject: "shop.product.1", headers: [HeaderField("a", "")]),
        ])
    func injection(_ message: WireMessage) async throws {
        let options = JetStreamOptions(
            servers: ["nats://127.0.0.1:1"], stream: try StreamName("SHOP"), namespace: try Namespace("shop"))
        let log = try JetStreamLog.open(options)
        #expect(await log.publish(message, expecting: .any).refusal?.code == .invalid)
        await log.close()
    }
}
