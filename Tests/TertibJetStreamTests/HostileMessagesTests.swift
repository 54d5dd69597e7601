import TertibCore
import TertibJetStream
import TestServers
import Testing
import TertibRuntime

/// Messages that no well-behaved client sends, written to the broker byte by byte. Each must reach the consumer as an
/// ordinary delivery, and look the same on every way of reading it.
@Suite("Hostile messages")
struct HostileMessagesTests {
    private static let good = "ce-id: e1\r\nce-aggregateversion: 1\r\n"

    private struct Case: Sendable {
        let name: String
        let headers: [UInt8]
        let fields: [HeaderField]
        var subject = Array("shop.product.1".utf8)
        var body: [UInt8] = []

        var withoutStatus: WireMessage {
            let kept = fields.drop { $0.isNamed("Status") || $0.isNamed("Description") }
            return WireMessage(subject: "shop.product.1", headers: Array(kept), body: body)
        }

        init(_ name: String, _ headers: String, _ fields: [HeaderField], body: String = "") {
            self.init(name, bytes: Array(headers.utf8), fields, body: body)
        }

        init(_ name: String, bytes: [UInt8], _ fields: [HeaderField], body: String = "") {
            self.name = name
            headers = bytes
            self.fields = fields
            self.body = Array(body.utf8)
        }
    }

    private static let id = HeaderField("ce-id", "e1")

    private static let version = HeaderField("ce-aggregateversion", "1")

    private static func status(_ line: String, _ code: String, _ text: String?) -> Case {
        var fields = [HeaderField("Status", code)]
        if let text { fields.append(HeaderField("Description", text)) }
        return Case(line, "\(line)\r\n\r\n", fields)
    }

    private static let cases: [Case] = [
        status("NATS/1.0 503", "503", nil),
        status("NATS/1.0 503 No Responders", "503", "No Responders"),
        status("NATS/1.0 100 Idle Heartbeat", "100", "Idle Heartbeat"),
        status("NATS/1.0 404 No Messages", "404", "No Messages"),
        status("NATS/1.0 408 Request Timeout", "408", "Request Timeout"),
        status("NATS/1.0 409 Consumer Deleted", "409", "Consumer Deleted"),
        status("NATS/1.0 409 Message Size Exceeds MaxBytes", "409", "Message Size Exceeds MaxBytes"),
        Case(
            "a status with good headers", "NATS/1.0 503\r\n" + good + "\r\n",
            [HeaderField("Status", "503"), id, version], body: "{}"),
        Case(
            "forged fields of direct get",
            "NATS/1.0\r\nNats-Stream: FAKE\r\nNats-Subject: fake\r\nNats-Sequence: 999\r\nNats-Time-Stamp: x\r\n\r\n",
            [
                HeaderField("Nats-Stream", "FAKE"), HeaderField("Nats-Subject", "fake"),
                HeaderField("Nats-Sequence", "999"), HeaderField("Nats-Time-Stamp", "x"),
            ]),
        Case(
            "an empty value before another field", "NATS/1.0\r\nce-correlationid: \r\n" + good + "\r\n",
            [HeaderField("ce-correlationid", ""), id, version]),
        Case(
            "an empty value at the end", "NATS/1.0\r\n" + good + "x:\r\n\r\n", [id, version, HeaderField("x", "")]),
        Case(
            "a value without a space before it", "NATS/1.0\r\nce-id:e1\r\nce-aggregateversion:1\r\n\r\n", [id, version]),
        Case(
            "a repeated field, and another case", "NATS/1.0\r\nce-id: e1\r\nCE-ID: e2\r\nce-id: e3\r\n\r\n",
            [id, HeaderField("CE-ID", "e2"), HeaderField("ce-id", "e3")]),
        Case(
            "a line without a colon", "NATS/1.0\r\ngarbage\r\n" + good + "\r\n",
            [HeaderField("garbage", ""), id, version]),
        Case(
            "a value with a NUL", "NATS/1.0\r\nce-id: e1\u{0}hidden\r\nce-aggregateversion: 1\r\n\r\n",
            [HeaderField("ce-id", "e1\u{0}hidden"), version]),
        Case(
            "a name with a NUL", "NATS/1.0\r\nce-id\u{0}: e1\r\n\r\n", [HeaderField("ce-id\u{0}", "e1")]),
        Case(
            "a continuation line", "NATS/1.0\r\nce-id: e1\r\n folded\r\n\r\n", [id, HeaderField(" folded", "")]),
        Case(
            "no preamble", "ce-id: e1\r\n\r\n", [id]),
        Case(
            "no end of the block", "NATS/1.0\r\nce-id: e1", [id]),
        Case(
            "bytes that are not UTF-8",
            bytes: Array("NATS/1.0\r\nce-id: ".utf8) + [0xFF, 0xFE, 0xC3] + Array("\r\n\r\n".utf8),
            [HeaderField(name: Array("ce-id".utf8), value: [0xFF, 0xFE, 0xC3])]),
        Case(
            "a thousand fields",
            "NATS/1.0\r\n" + (0..<1000).map { "h\($0): v\r\n" }.joined() + "\r\n",
            (0..<1000).map { HeaderField("h\($0)", "v") }),
    ]

    @Test("each is delivered as it was sent, and read back the same from every source", arguments: NatsServer.binaries)
    func delivered(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let raw = try fixture.raw()
            for hostile in Self.cases {
                try raw.publish(hostile.subject, headers: hostile.headers, body: hostile.body)
            }
            try raw.publish("shop.product.good", headers: "NATS/1.0\r\n\(Self.good)\r\n", body: "{}")
            try raw.flush()
            let source = try await log.subscribe(subscription())
            let deliveries = try await source.collect(Self.cases.count + 1)
            #expect(deliveries.count == Self.cases.count + 1)
            for (hostile, delivery) in zip(Self.cases, deliveries) {
                let expected = WireMessage(
                    subject: "shop.product.1", headers: hostile.fields, body: hostile.body)
                if delivery.message != expected {
                    // A newer server takes the status out of what it stores.
                    #expect(delivery.message == hostile.withoutStatus, "\(hostile.name)")
                    #expect(binary.version != "2.9.10", "\(hostile.name)")
                }
                let led = try await log.message(at: delivery.sequence, from: .leader)
                #expect(led?.message == delivery.message, "\(hostile.name), from the leader")
                let direct = try await log.message(at: delivery.sequence, from: .anyReplica)
                #expect(direct == led, "\(hostile.name)")
            }
            #expect(deliveries.last?.message.subject == "shop.product.good")
            try await waitUntil("the acknowledgements") {
                try await log.consumerState("orders-orders")?.acknowledgementPending == 0
            }
            await source.close()
            await log.close()
        }
    }

    @Test(
        "a subject with bytes that are not UTF-8, or with a NUL, is not taken for another one",
        arguments: NatsServer.binaries)
    func subjects(_ binary: NatsServer.Binary) async throws {
        try await Fixture.with(binary) { fixture in
            let log = try await fixture.log()
            let raw = try fixture.raw()
            try raw.publish(Array("shop.product.4".utf8) + [0xFF], body: [0x31])
            try raw.publish(Array("shop.product.42".utf8) + [0x00, 0x61], body: [0x32])
            try raw.publish("shop.product.a.b.c", body: "3")
            try raw.publish("shop.product.%2e", body: "4")
            try raw.publish("shop.x", body: "5")
            try raw.flush()
            let source = try await log.subscribe(subscription())
            let deliveries = try await source.collect(5)
            #expect(
                deliveries.map(\.message.subject) == [
                    "shop.product.4\u{FFFD}", "shop.product.42\u{0}a", "shop.product.a.b.c", "shop.product.%2e",
                    "shop.x",
                ])
            #expect(deliveries.map(\.message.body) == [[0x31], [0x32], [0x33], [0x34], [0x35]])
            await source.close()
            await log.close()
        }
    }
}
