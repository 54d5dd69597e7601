import TertibCore
import TertibJetStream
import TestServers
import Testing
import TertibRuntime

@Suite("A stream or a consumer that disappears while running")
struct DisappearanceTests {
    private func nextThrows(_ source: any DeliverySource) async throws -> EventLogError {
        var thrown: EventLogError?
        try await waitUntil("next() to throw", within: .seconds(30)) {
            do throws(EventLogError) {
                _ = try await source.next(upTo: 10, waiting: .milliseconds(200))
                return false
            } catch {
                thrown = error
                return true
            }
        }
        return try #require(thrown)
    }

    @Test("a consumer deleted while requests wait stops with the reason", arguments: NatsServer.binaries)
    func deletedDuringPull(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let source = try await log.subscribe(subscription())
            try await waitUntil("pull requests") { try await log.consumerState("orders-orders")?.waiting == 2 }
            _ = try fixture.raw().request("$JS.API.CONSUMER.DELETE.SHOP.orders-orders")
            #expect(try await nextThrows(source).code == .consumerGone)
            await source.close()
            await log.close()
        }
    }

    @Test("a consumer deleted while nobody asks is noticed by its silence", arguments: NatsServer.binaries)
    func deletedBeforePull(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let source = try await log.subscribe(subscription())
            _ = await source.suspend()
            _ = try fixture.raw().request("$JS.API.CONSUMER.DELETE.SHOP.orders-orders")
            #expect(try await nextThrows(source).code == .consumerGone)
            await source.close()
            await log.close()
        }
    }

    @Test("a consumer deleted and created again is another one", arguments: NatsServer.binaries)
    func recreated(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let source = try await log.subscribe(subscription())
            try await waitUntil("pull requests") { try await log.consumerState("orders-orders")?.waiting == 2 }
            _ = try fixture.raw().request("$JS.API.CONSUMER.DELETE.SHOP.orders-orders")
            _ = try await log.subscribe(subscription())
            let error = try await nextThrows(source)
            #expect(error.code == .consumerGone)
            #expect(error.reason.contains("created again"))
            await source.close()
            await log.close()
        }
    }

    @Test("a stream deleted stops its consumers", arguments: NatsServer.binaries)
    func streamDeleted(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let source = try await log.subscribe(subscription())
            try await waitUntil("pull requests") { try await log.consumerState("orders-orders")?.waiting == 2 }
            _ = try fixture.raw().request("$JS.API.STREAM.DELETE.SHOP")
            #expect(try await nextThrows(source).code == .streamGone)
            await source.close()
            await log.close()
        }
    }

    @Test("a stream deleted and created again while the broker was away is another one", arguments: NatsServer.binaries)
    func streamRecreated(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let source = try await log.subscribe(subscription())
            _ = await source.suspend()
            let raw = try fixture.raw()
            _ = try raw.request("$JS.API.STREAM.DELETE.SHOP")
            let other = try await fixture.log()
            _ = try await other.subscribe(subscription())
            _ = await other.publish(message("1", "a"), expecting: .any)
            fixture.server.stop()
            try await fixture.server.restart()
            try await log.waitUntilConnected(within: .seconds(20))
            #expect(try await nextThrows(source).code == .streamGone)
            await source.close()
            await log.close()
            await other.close()
        }
    }

    @Test("a restart of the broker leaves consumer and stream the same", arguments: NatsServer.binaries)
    func restart(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let created = try await log.state().createdAt
            let source = try await log.subscribe(subscription())
            for _ in 0..<3 {
                fixture.server.kill()
                try await fixture.server.restart()
                try await log.waitUntilConnected(within: .seconds(20))
                let id = "\(UInt64.random(in: .min ... .max))"
                let sequence = try #require(await log.publish(message("1", id), expecting: .any).sequence)
                // The consumer's own state may be lost with a kill: older messages may come, too.
                try await waitUntil("the message \(sequence)") {
                    let arrived = try await source.next(upTo: 10, waiting: .milliseconds(200))
                    await source.answer(.acknowledge, to: arrived)
                    return arrived.contains { $0.sequence == StreamSequence(sequence) }
                }
            }
            #expect(try await log.state().createdAt == created)
            await source.close()
            await log.close()
        }
    }
}
