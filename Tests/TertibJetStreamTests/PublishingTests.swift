import Testing
import Tertib
import TertibCore
import TertibJetStream
import TestServers

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
            #expect(await log.publish(message("1", "d"), expecting: .any).sequence == 3)
            await log.close()
        }
    }

    @Test("what was published is delivered and acknowledged", arguments: NatsServer.binaries)
    func thinLine(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            for number in 1...10 {
                _ = await log.publish(message("\(number)", "e\(number)"), expecting: .lastSequence(.none))
            }
            let source = try await log.subscribe(subscription())
            let deliveries = try await source.collect(10)
            #expect(deliveries.map(\.sequence.number) == Array(1...10))
            #expect(deliveries[0].message.values(of: "ce-id") == [Array("e1".utf8)])
            #expect(deliveries[0].message.values(of: Header.expectedLastSubjectSequence) == [Array("0".utf8)])
            try await waitUntil("the acknowledgements") {
                try await log.consumerState("orders-orders")?.acknowledgedFloor == StreamSequence(10)
            }
            await source.close()
            await log.close()
        }
    }
}
