import TertibCore
import TertibJetStream
import TestServers
import Testing
import TertibRuntime

@Suite("A broker that goes away and comes back")
struct OutageTests {
    @Test("a log that never reaches a broker refuses at once and says so", .timeLimit(.minutes(1)))
    func unreachable() async throws {
        let options = JetStreamOptions(
            servers: ["nats://127.0.0.1:1"], stream: try StreamName("SHOP"), namespace: try Namespace("shop"),
            requestTimeout: .seconds(3600))
        let log = try JetStreamLog.open(options)
        #expect(await log.publish(message("1", "a"), expecting: .any).refusal?.code == .unavailable)
        await #expect(throws: EventLogError.self) { try await log.state() }
        await #expect(throws: EventLogError.self) { try await log.waitUntilConnected(within: .milliseconds(50)) }
        await log.close()
        #expect(await log.publish(message("1", "a"), expecting: .any).refusal?.code == .closed)
        await log.close()
    }

    @Test(
        "of the publishes during which the broker is killed each has an outcome, and what was stored is there",
        arguments: NatsServer.binaries)
    func killedWhilePublishing(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let storedCount = Counter()
            let outcomes = await withTaskGroup(of: [(Int, PublishOutcome)].self) { group in
                for lane in 0..<200 {
                    group.addTask {
                        var outcomes: [(Int, PublishOutcome)] = []
                        for number in stride(from: lane, to: 1_000_000, by: 200) {
                            let message = message("\(number)", "e\(number)")
                            let outcome = await log.publish(message, expecting: .lastSequence(.none))
                            outcomes.append((number, outcome))
                            guard outcome.sequence != nil else { break }
                            if storedCount.next() == 1000 { fixture.server.kill() }
                        }
                        return outcomes
                    }
                }
                return await group.reduce(into: []) { $0 += $1 }
            }
            let stored = outcomes.compactMap { outcome in outcome.1.sequence.map { (outcome.0, $0) } }
            #expect(stored.count >= 1000)
            #expect(outcomes.count == stored.count + 200, "each lane ends with the first outcome that is not stored")
            try await fixture.server.restart()
            try await log.waitUntilConnected(within: .seconds(20))
            for (number, sequence) in stored {
                let kept = try await log.message(at: StreamSequence(sequence), from: .leader)
                #expect(kept?.message.subject == "shop.product.\(number)")
            }
            // What was refused for sure is not there, and can be published again.
            let refused = outcomes.first { $0.1.refusal != nil }
            if let refused {
                let absent = try await log.lastMessage(on: "shop.product.\(refused.0)", from: .leader)
                #expect(absent == nil)
            }
            await log.close()
        }
    }

    @Test(
        "a broker that hangs leaves the outcome unknown, and answers again when it goes on",
        arguments: NatsServer.binaries)
    func heldBroker(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log { $0.requestTimeout = .milliseconds(500) }
            try await fixture.server.pause()
            guard case .unknown(let error) = await log.publish(message("1", "a"), expecting: .lastSequence(.none))
            else {
                Issue.record("a publish to a hanging broker has an outcome")
                return
            }
            #expect(error.code == .timedOut)
            fixture.server.resume()
            try await waitUntil("the message that was sent before the pause ended") {
                try await log.lastMessage(on: "shop.product.1", from: .leader) != nil
            }
            #expect(
                await log.publish(message("1", "b"), expecting: .lastSequence(.none))
                    == .unexpected(actual: StreamSequence(1)))
            await log.close()
        }
    }

    @Test("a broker that is killed while deliveries are in hand loses none", arguments: NatsServer.binaries)
    func killedWhilePulling(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            for number in 0..<300 {
                _ = await log.publish(message("\(number)", "e\(number)"), expecting: .lastSequence(.none))
            }
            var subscription = subscription()
            subscription.acknowledgementWait = .seconds(1)
            subscription.pullLimit = 20
            let source = try await log.subscribe(subscription)
            var seen: Set<UInt64> = []
            var isKilled = false
            try await waitUntil("300 different messages", within: .seconds(60)) {
                let arrived = try await source.next(upTo: 10, waiting: .milliseconds(100))
                await source.answer(.acknowledge, to: arrived)
                seen.formUnion(arrived.map(\.sequence.number))
                if seen.count > 100, !isKilled {
                    isKilled = true
                    fixture.server.kill()
                    #expect(try await source.next(upTo: 1000, waiting: .milliseconds(50)).count <= 20)
                    try await fixture.server.restart()
                }
                return seen.count == 300
            }
            #expect(isKilled)
            await source.close()
            await log.close()
        }
    }

    @Test("a log finds a broker that starts after it", arguments: NatsServer.binaries)
    func brokerStartsLater(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            fixture.server.stop()
            let log = try JetStreamLog.open(try fixture.options())
            await #expect(throws: EventLogError.self) { try await log.waitUntilConnected(within: .milliseconds(300)) }
            try await fixture.server.restart()
            try await log.waitUntilConnected(within: .seconds(20))
            try await log.prepareStream()
            await log.close()
        }
    }

}
