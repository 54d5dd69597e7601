import TertibCore
import TertibJetStream
import TestServers
import Testing
import TertibRuntime

@Suite("Permissions and accounts")
struct PermissionTests {
    /// The users of NATS.md's least privilege, and an administrator.
    private static let users = """
        authorization { users: [
          { user: "admin", password: "admin" }
          { user: "publisher", password: "publisher", permissions: {
              publish: { allow: ["shop.product.*", "$JS.API.STREAM.MSG.GET.SHOP", "$JS.API.STREAM.INFO.SHOP"] }
              subscribe: { allow: ["_INBOX_pub.>"] } } }
          { user: "service", password: "service", permissions: {
              publish: { allow: ["$JS.API.CONSUMER.INFO.SHOP.orders-orders",
                "$JS.API.CONSUMER.MSG.NEXT.SHOP.orders-orders", "$JS.ACK.SHOP.orders-orders.>",
                "$JS.ACK.*.*.SHOP.orders-orders.>", "$JS.API.STREAM.INFO.SHOP", "$JS.API.STREAM.MSG.GET.SHOP",
                "$JS.API.DIRECT.GET.SHOP"] }
              subscribe: { allow: ["_INBOX_svc.>"] } } }
          { user: "mute", password: "mute", permissions: {
              publish: { allow: ["$JS.API.CONSUMER.INFO.SHOP.orders-orders", "$JS.API.STREAM.INFO.SHOP",
                "$JS.API.CONSUMER.MSG.NEXT.SHOP.orders-orders"] }
              subscribe: { allow: ["_INBOX_mute.>"] } } }
          { user: "deaf", password: "deaf", permissions: {
              publish: { allow: ["$JS.API.CONSUMER.INFO.SHOP.orders-orders", "$JS.API.STREAM.INFO.SHOP"] }
              subscribe: { allow: ["_INBOX_deaf.>"] } } }
        ] }
        """

    private func log(
        _ fixture: Fixture, _ user: String, inbox: String, _ secrets: TemporaryDirectory
    ) async throws -> JetStreamLog {
        let file = try secrets.write(user, to: user)
        return try await fixture.connectedLog { options in
            options.authentication = .password(user: user, passwordFile: file)
            options.inboxPrefix = inbox
            options.management = user == "admin" ? .create : .check
        }
    }

    private func nextThrows(_ source: any DeliverySource) async throws -> EventLogError? {
        var thrown: EventLogError?
        try await waitUntil("next() to throw") {
            do throws(EventLogError) {
                await source.answer(.acknowledge, to: try await source.next(upTo: 10, waiting: .milliseconds(100)))
            } catch {
                thrown = error
            }
            return thrown != nil
        }
        return thrown
    }

    @Test("least privilege is enough, and more is refused with the subject", arguments: NatsServer.binaries)
    func leastPrivilege(_ binary: NatsServer.Binary) async throws {
        let secrets = try TemporaryDirectory()
        try await Fixture.with(binary, configuration: Self.users) { fixture in
            let admin = try await log(fixture, "admin", inbox: "_INBOX", secrets)
            try await admin.prepareStream()
            await (try await admin.subscribe(subscription())).close()

            let publisher = try await log(fixture, "publisher", inbox: "_INBOX_pub", secrets)
            try await publisher.prepareStream()
            #expect(await publisher.publish(message("1", "a"), expecting: .lastSequence(.none)).sequence == 1)
            #expect(try await publisher.lastMessage(on: "shop.product.1", from: .leader)?.sequence.number == 1)
            // Direct get is not permitted, so the leader is asked.
            #expect(try await publisher.message(at: StreamSequence(1), from: .anyReplica)?.sequence.number == 1)
            let refused = await publisher.publish(WireMessage(subject: "shop.order.1"), expecting: .any).refusal
            #expect(refused?.code == .notPermitted)
            #expect(refused?.description.contains("shop.order.1") == true)
            let long = "shop.order." + String(repeating: "x", count: 300)
            let refusedLong = await publisher.publish(WireMessage(subject: long), expecting: .any).refusal
            #expect(refusedLong?.code == .notPermitted)
            #expect(await publisher.publish(message("1", "b"), expecting: .any).sequence == 2)

            let service = try await log(fixture, "service", inbox: "_INBOX_svc", secrets)
            try await service.prepareStream()
            let source = try await service.subscribe(subscription())
            #expect(try await source.collect(2).count == 2)
            let forged = await service.publish(message("1", "c"), expecting: .any).refusal
            #expect(forged?.code == .notPermitted)
            let foreign = await #expect(throws: EventLogError.self) { try await service.consumerState("other") }
            #expect(foreign?.code == .notPermitted)
            await source.close()
            for log in [admin, publisher, service] { await log.close() }
        }
    }

    @Test(
        "a consumer that may not pull or not acknowledge stops with the subject, and does not loop",
        arguments: NatsServer.binaries)
    func mute(_ binary: NatsServer.Binary) async throws {
        let secrets = try TemporaryDirectory()
        try await Fixture.with(binary, configuration: Self.users) { fixture in
            let admin = try await log(fixture, "admin", inbox: "_INBOX", secrets)
            try await admin.prepareStream()
            await (try await admin.subscribe(subscription())).close()
            _ = await admin.publish(message("1", "a"), expecting: .any)
            for (user, subject) in [("mute", "$JS.ACK.SHOP.orders-orders"), ("deaf", "CONSUMER.MSG.NEXT")] {
                let other = try await log(fixture, user, inbox: "_INBOX_\(user)", secrets)
                let source = try await other.subscribe(subscription())
                let error = try await nextThrows(source)
                #expect(error?.code == .notPermitted)
                #expect(error?.description.contains(subject) == true, "\(error?.description ?? "")")
                await source.close()
                await other.close()
            }
            await admin.close()
        }
    }

    @Test("a wrong inbox prefix is said, not waited for", arguments: NatsServer.binaries)
    func wrongInbox(_ binary: NatsServer.Binary) async throws {
        let secrets = try TemporaryDirectory()
        try await Fixture.with(binary, configuration: Self.users) { fixture in
            let log = try await log(fixture, "publisher", inbox: "_INBOX", secrets)
            let error = await #expect(throws: EventLogError.self) { try await log.state() }
            #expect(error?.code == .notPermitted)
            #expect(error?.advice?.contains("inboxPrefix") == true)
            await log.close()
        }
    }

    /// A service in an account of its own: the API is imported under another prefix.
    private static let accounts = """
        accounts {
          EVENTS {
            jetstream: enabled
            users: [ { user: "admin", password: "admin" } ]
            exports: [
              { service: "$JS.API.STREAM.INFO.SHOP" }
              { service: "$JS.API.STREAM.MSG.GET.SHOP" }
              { service: "$JS.API.DIRECT.GET.SHOP" }
              { service: "$JS.API.CONSUMER.INFO.SHOP.orders-orders" }
              { service: "$JS.API.CONSUMER.MSG.NEXT.SHOP.orders-orders", response_type: stream }
              { service: "$JS.ACK.SHOP.orders-orders.>" }
            ]
          }
          SERVICE {
            users: [ { user: "service", password: "service" } ]
            imports: [
              { service: { account: EVENTS, subject: "$JS.API.STREAM.INFO.SHOP" }, to: "events.STREAM.INFO.SHOP" }
              { service: { account: EVENTS, subject: "$JS.API.STREAM.MSG.GET.SHOP" }, to: "events.STREAM.MSG.GET.SHOP" }
              { service: { account: EVENTS, subject: "$JS.API.DIRECT.GET.SHOP" }, to: "events.DIRECT.GET.SHOP" }
              { service: { account: EVENTS, subject: "$JS.API.CONSUMER.INFO.SHOP.orders-orders" },
                to: "events.CONSUMER.INFO.SHOP.orders-orders" }
              { service: { account: EVENTS, subject: "$JS.API.CONSUMER.MSG.NEXT.SHOP.orders-orders" },
                to: "events.CONSUMER.MSG.NEXT.SHOP.orders-orders" }
              { service: { account: EVENTS, subject: "$JS.ACK.SHOP.orders-orders.>" } }
            ]
          }
        }
        """

    @Test("a service in another account receives through an API prefix", arguments: NatsServer.binaries)
    func otherAccount(_ binary: NatsServer.Binary) async throws {
        let secrets = try TemporaryDirectory()
        try await Fixture.with(binary, configuration: Self.accounts) { fixture in
            let admin = try await log(fixture, "admin", inbox: "_INBOX", secrets)
            try await admin.prepareStream()
            await (try await admin.subscribe(subscription())).close()
            for number in 1...5 { _ = await admin.publish(message("\(number)", "e\(number)"), expecting: .any) }
            let file = try secrets.write("service", to: "service")
            let service = try await fixture.connectedLog { options in
                options.authentication = .password(user: "service", passwordFile: file)
                options.inboxPrefix = "_INBOX_orders"
                options.apiPrefix = "events"
                options.management = .check
            }
            try await service.prepareStream()
            for source in [ReadSource.anyReplica, .leader] {
                let read = try await service.message(at: StreamSequence(2), from: source)
                #expect(read?.message.subject == "shop.product.2")
            }
            let source = try await service.subscribe(subscription())
            let deliveries = try await source.collect(5)
            #expect(deliveries.map(\.message.subject) == (1...5).map { "shop.product.\($0)" })
            try await waitUntil("the acknowledgements") {
                try await admin.consumerState("orders-orders")?.acknowledgedFloor == StreamSequence(5)
            }
            await source.close()
            await service.close()
            await admin.close()
        }
    }
}
