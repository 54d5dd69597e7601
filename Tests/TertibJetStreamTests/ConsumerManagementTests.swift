import TertibCore
import TertibJetStream
import TestServers
import Testing
import TertibRuntime

@Suite("The durable consumer and the database it belongs to")
struct ConsumerManagementTests {
    private func create(_ config: String, on fixture: Fixture) throws {
        let answer = try fixture.raw().request(
            "$JS.API.CONSUMER.DURABLE.CREATE.SHOP.orders-orders",
            "{\"stream_name\":\"SHOP\",\"config\":{\"durable_name\":\"orders-orders\",\(config)}}")
        try #require(!answer.contains("\"error\""), "\(answer)")
    }

    private func info(_ fixture: Fixture) throws -> String {
        try fixture.raw().request("$JS.API.CONSUMER.INFO.SHOP.orders-orders")
    }

    @Test(
        "it is created without a delivery limit, and follows the configuration afterwards",
        arguments: NatsServer.binaries)
    func creates(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let source = try await log.subscribe(subscription())
            await source.close()
            var config = try info(fixture)
            for part in [
                #""ack_policy":"explicit""#, #""deliver_policy":"all""#, #""max_deliver":-1"#,
                #""ack_wait":30000000000"#,
                #""max_ack_pending":20000"#, #""description":"tertib store=store-1""#,
            ] {
                #expect(config.contains(part), "\(part) in \(config)")
            }
            var changed = subscription()
            changed.acknowledgementWait = .seconds(5)
            changed.maxAcknowledgementPending = 300
            changed.onlyType = try AggregateType("product")
            await (try await log.subscribe(changed)).close()
            config = try info(fixture)
            for part in [
                #""ack_wait":5000000000"#, #""max_ack_pending":300"#, #""filter_subject":"shop.product.\u003e""#,
                #""max_deliver":-1"#, "store=store-1",
            ] {
                #expect(config.contains(part), "\(part) in \(config)")
            }
            // Widening the filter would hide what it has left out so far.
            let error = await #expect(throws: EventLogError.self) { try await log.subscribe(subscription()) }
            #expect(error?.code == .unsafeConfiguration)
            #expect(try info(fixture).contains("filter_subject"))
            await log.close()
        }
    }

    @Test(
        "another database is refused with the flag that takes over, and can take over", arguments: NatsServer.binaries)
    func storeMismatch(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let source = try await log.subscribe(subscription())
            let error = await #expect(throws: EventLogError.self) {
                try await log.subscribe(subscription(store: "store-2"))
            }
            #expect(error?.code == .storeMismatch)
            #expect(error?.advice?.contains("--take-over") == true)
            #expect(try info(fixture).contains("store=store-1"))
            var taking = subscription(store: "store-2")
            taking.takesOver = true
            await (try await log.subscribe(taking)).close()
            #expect(try info(fixture).contains("store=store-2"))
            // The one that lost it learns so at the next look, which a new connection brings.
            fixture.server.stop()
            try await fixture.server.restart()
            var thrown: EventLogError?
            try await waitUntil("next() to throw") {
                do throws(EventLogError) {
                    _ = try await source.next(upTo: 1, waiting: .milliseconds(100))
                } catch {
                    thrown = error
                }
                return thrown != nil
            }
            #expect(thrown?.code == .storeMismatch)
            await source.close()
            await log.close()
        }
    }

    @Test("under check a description without an id is accepted, and nothing is written", arguments: NatsServer.binaries)
    func checks(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let creator = try await fixture.log()
            try create(#""ack_policy":"explicit","description":"made by hand","max_deliver":-1"#, on: fixture)
            let log = try await fixture.log { $0.management = .check }
            await (try await log.subscribe(subscription())).close()
            #expect(try info(fixture).contains(#""description":"made by hand""#))
            // Whoever may create writes the id, and keeps the words.
            await (try await creator.subscribe(subscription())).close()
            #expect(try info(fixture).contains("made by hand; tertib store=store-1"))
            let error = await #expect(throws: EventLogError.self) {
                try await log.subscribe(subscription(store: "store-2"))
            }
            #expect(error?.code == .storeMismatch)
            await creator.close()
            await log.close()
        }
    }

    @Test("one that would lose events is refused with the reason", arguments: NatsServer.binaries)
    func refuses(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let creating = try await fixture.log()
            let checking = try await fixture.log { $0.management = .check }
            let always = [
                (#""ack_policy":"none""#, "ack policy is none"),
                (#""ack_policy":"all""#, "ack policy is all"),
                (#""ack_policy":"explicit","deliver_policy":"new""#, "deliver policy is new"),
                (
                    #""ack_policy":"explicit","deliver_policy":"last_per_subject","filter_subject":"shop.>""#,
                    "deliver policy"
                ),
                (#""ack_policy":"explicit","deliver_subject":"push.here""#, "pushes to push.here"),
            ]
            let underCheck = [
                (#""ack_policy":"explicit","max_deliver":5"#, "after 5 deliveries"),
                (#""ack_policy":"explicit","filter_subject":"shop.order.*""#, "shop.order.*"),
            ]
            for (config, words) in always + underCheck {
                try create(config, on: fixture)
                let logs = underCheck.contains { $0.0 == config } ? [checking] : [creating, checking]
                for log in logs {
                    let error = await #expect(throws: EventLogError.self) { try await log.subscribe(subscription()) }
                    #expect(error?.code == .unsafeConfiguration)
                    #expect(error?.reason.contains(words) == true, "\(error?.reason ?? "") should say \(words)")
                }
                _ = try fixture.raw().request("$JS.API.CONSUMER.DELETE.SHOP.orders-orders")
            }
            await creating.close()
            await checking.close()
        }
    }

    @Test("the names of the consumers are listed, however many there are", arguments: NatsServer.binaries)
    func names(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            for number in 0..<12 {
                await (try await log.subscribe(subscription("service-\(number)"))).close()
            }
            #expect(Set(try await log.consumerNames()) == Set((0..<12).map { "service-\($0)" }))
            #expect(try await log.consumerState("nobody") == nil)
            await log.close()
        }
    }
}
