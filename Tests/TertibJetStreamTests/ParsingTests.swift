import TertibRuntime
import TertibCore
import Testing

@testable import TertibJetStream

@Suite("Reading what the broker writes")
struct ParsingTests {
    @Test(
        "a reply subject of either version names the message",
        arguments: [
            "$JS.ACK.SHOP.orders-orders.3.41.7.1700000000123456789.12",
            "$JS.ACK.hub.ACCHASH.SHOP.orders-orders.3.41.7.1700000000123456789.12",
            "$JS.ACK.hub.ACCHASH.SHOP.orders-orders.3.41.7.1700000000123456789.12.random",
        ])
    func deliverySubject(_ reply: String) throws {
        let subject = try #require(DeliverySubject(reply))
        #expect(subject.stream == "SHOP")
        #expect(subject.consumer == "orders-orders")
        #expect(subject.attempt == 3)
        #expect(subject.sequence == StreamSequence(41))
        #expect(subject.storedAt == Timestamp(microseconds: 1_700_000_000_123_456))
        #expect(subject.pending == 12)
    }

    @Test(
        "another subject is none of a delivery",
        arguments: [
            "", "$JS.ACK.", "$JS.ACK.SHOP.c.1.2.3.4", "$JS.ACK.a.SHOP.c.1.2.3.4.5", "$JS.ACK.SHOP.c.x.2.3.4.5",
            "$JS.ACK.SHOP.c.1.-2.3.4.5", "_INBOX.a.b.c.1.2.3.4.5", "$JS.ACK.SHOP.c.1.99999999999999999999999.3.4.5",
            "$JS.FC.SHOP.c.1.2.3.4.5",
        ])
    func noDeliverySubject(_ reply: String) {
        #expect(DeliverySubject(reply) == nil)
    }

    @Test("a header block keeps order, case, repetition and bytes")
    func headerBlock() {
        let block = HeaderBlock(Array("NATS/1.0\r\nB: 1\r\na:2\r\nB:  3 \t\r\nempty:\r\nno colon\r\n\r\n".utf8))
        #expect(block.status == nil)
        #expect(
            block.fields == [
                HeaderField("B", "1"), HeaderField("a", "2"), HeaderField("B", "3"), HeaderField("empty", ""),
                HeaderField("no colon", ""),
            ])
        #expect(block.last("B") == "3")
        #expect(block.last("b") == nil)
    }

    @Test("a status line has a code and perhaps words")
    func status() {
        let status = HeaderBlock(Array("NATS/1.0 409 Consumer Deleted\r\n\r\n".utf8))
        #expect(status.status == 409)
        #expect(status.description == "Consumer Deleted")
        #expect(HeaderBlock(Array("NATS/1.0 503\r\n\r\n".utf8)).status == 503)
        #expect(HeaderBlock(Array("NATS/1.0 5\r\n\r\n".utf8)).status == nil)
        #expect(HeaderBlock(Array("NATS/1.0 abc\r\n\r\n".utf8)).status == nil)
        #expect(HeaderBlock([]).fields.isEmpty)
    }

    @Test("what a replicated stream has on its way settles no publish")
    func inFlight() throws {
        func outcome(_ code: Int, _ text: String) throws -> PublishOutcome {
            let answer: JSONValue = [
                "error": ["code": 400, "err_code": .integer(Int64(code)), "description": .string(text)]
            ]
            return JetStreamLog.outcome(try #require(APIFailure(answer)), "publish")
        }
        #expect(try outcome(10071, "wrong last sequence: 41") == .unexpected(actual: StreamSequence(41)))
        #expect(try outcome(10164, "wrong last sequence") == .unexpected(actual: nil))
        #expect(try outcome(10158, "duplicate message id is in process") == .unexpected(actual: nil))
    }

    @Test("a cluster whose servers have not all met yet is waited for")
    func incompleteCluster() throws {
        let answer: JSONValue = [
            "error": ["code": 400, "err_code": 10005, "description": "no suitable peers for placement"]
        ]
        #expect(try #require(APIFailure(answer)).error("prepare the stream").isRetriable)
    }

    @Test("a consumer is told apart from a later one of its name, unless copies of one differ in their time")
    func sameConsumer() throws {
        func consumer(
            _ second: Int, copies: Int = 0, policy: String = "all", filter: String = "shop.a.*"
        ) throws -> ConsumerDescription {
            let replicas = (0..<copies).map { ["name": .string("n\($0)")] as JSONValue }
            return try #require(
                ConsumerDescription([
                    "created": .string("2026-11-21T20:08:0\(second).275382417Z"),
                    "config": ["deliver_policy": .string(policy), "filter_subject": .string(filter)],
                    "cluster": ["leader": "n9", "replicas": .array(replicas)],
                ]))
        }
        #expect(try consumer(1).isSame(as: consumer(1)))
        #expect(try !consumer(6).isSame(as: consumer(1)), "one copy has one time")
        #expect(try consumer(6, copies: 2).isSame(as: consumer(1, copies: 2)))
        #expect(try !consumer(6, copies: 2, policy: "new").isSame(as: consumer(1, copies: 2)))
        #expect(try !consumer(6, copies: 2, policy: "new").isSame(as: consumer(1, copies: 2, policy: "new")))
        #expect(try !consumer(6, copies: 2, filter: "shop.b.*").isSame(as: consumer(1, copies: 2)))
    }

    @Test("statuses of a pull request are told apart")
    func pullStatuses() {
        func status(_ line: String) -> PullStatus { PullStatus(HeaderBlock(Array("NATS/1.0 \(line)\r\n\r\n".utf8))) }
        #expect(status("100 Idle Heartbeat") == .heartbeat)
        #expect(status("404 No Messages") == .ended)
        #expect(status("408 Request Timeout") == .ended)
        #expect(status("409 Batch Completed") == .ended)
        #expect(status("409 Message Size Exceeds MaxBytes") == .tooFewBytes)
        #expect(status("409 Consumer Deleted") == .consumerDeleted)
        #expect(status("409 Leadership Change") == .rejected("409 Leadership Change"))
        #expect(status("503") == .rejected("503 "))
    }

    @Test("the usual answer to a publish is read without a JSON reader, and any other form with it")
    func acknowledgement() throws {
        let plain = Array(#"{"stream":"SHOP", "seq":41}"#.utf8)
        #expect(PublishAcknowledgement(plain: plain)?.sequence == StreamSequence(41))
        #expect(PublishAcknowledgement(plain: plain)?.stream == "SHOP")
        for text in [
            #"{"stream":"SHOP", "seq":41,"duplicate": true}"#, #"{"stream":"SHOP","seq":41}"#,
            #"{"seq":41,"stream":"SHOP","domain":"hub"}"#,
        ] {
            #expect(PublishAcknowledgement(plain: Array(text.utf8)) == nil)
            let answer = try JSONValue(parsing: Array(text.utf8))
            #expect(PublishAcknowledgement(answer)?.sequence == StreamSequence(41))
            #expect(PublishAcknowledgement(answer)?.isDuplicate == text.contains("duplicate"))
        }
        for text in ["", "{}", #"{"stream":"SHOP", "seq":}"#, #"{"stream":"SHOP", "seq":99999999999999999999999}"#] {
            #expect(PublishAcknowledgement(plain: Array(text.utf8)) == nil)
        }
    }

    @Test("a permission violation names its subject, also when libnats has cut it")
    func violations() throws {
        let publish = try #require(PermissionViolation(#"Permissions Violation for Publish to "shop.order.1""#))
        #expect(publish.concerns(publishTo: "shop.order.1"))
        #expect(!publish.concerns(publishTo: "shop.order.12"))
        let cut = try #require(PermissionViolation(#"Permissions Violation for Publish to "shop.order.1"#))
        #expect(cut.concerns(publishTo: "shop.order.12"))
        let inbox = try #require(PermissionViolation(#"Permissions Violation for Subscription to "_INBOX.a.r.*""#))
        #expect(inbox.operation == .subscription)
        #expect(!inbox.concerns(publishTo: "_INBOX.a.r.*"))
        #expect(PermissionViolation("Stale Connection") == nil)
    }

    @Test("versions compare by their numbers, and the one that enforces expectations is known")
    func versions() throws {
        #expect(try #require(ServerVersion("2.9.10")) < .enforcesExpectationsOnReplicas)
        #expect(try #require(ServerVersion("2.9.21")) >= .enforcesExpectationsOnReplicas)
        #expect(try #require(ServerVersion("2.11.0-preview.1")) > ServerVersion(2, 10, 29))
        #expect(ServerVersion("2.9") == nil)
        #expect(ServerVersion("garbage") == nil)
    }

    @Test("the database's id is found in a description and put into it, and the words around it stay")
    func descriptions() {
        #expect(ConsumerDescription.storeID(in: "tertib store=abc") == "abc")
        #expect(ConsumerDescription.storeID(in: "ours; tertib store=abc; more") == "abc")
        #expect(ConsumerDescription.storeID(in: "ours") == nil)
        #expect(ConsumerDescription.description("", naming: "x") == "tertib store=x")
        #expect(ConsumerDescription.description("ours", naming: "x") == "ours; tertib store=x")
        #expect(
            ConsumerDescription.description("ours; tertib store=abc; more", naming: "x") == "ours; tertib store=x; more"
        )
    }

    @Test("the wait before the next attempt grows, has jitter and a limit")
    func backoff() {
        var backoff = Backoff()
        let waits = (0..<12).map { _ in backoff.failed(isAuthentication: false, jitter: 1) }
        #expect(waits.first == .milliseconds(100))
        #expect(waits.last == .seconds(5))
        #expect(waits == waits.sorted())
        let shortest = backoff.failed(isAuthentication: false, jitter: 0)
        #expect(shortest == .milliseconds(2500))
        #expect(!backoff.hasRejectedCredentials)
        for _ in 0..<3 { _ = backoff.failed(isAuthentication: true, jitter: 1) }
        #expect(backoff.hasRejectedCredentials)
        _ = backoff.failed(isAuthentication: false, jitter: 1)
        #expect(!backoff.hasRejectedCredentials)
    }
}
