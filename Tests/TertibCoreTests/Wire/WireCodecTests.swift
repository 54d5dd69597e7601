import Testing
import TertibCore

@Suite("The wire contract: CloudEvents in binary mode, with an aggregate version")
struct WireCodecTests {
    private let codec: WireCodec

    init() throws {
        codec = WireCodec(namespace: try Namespace("shop"))
    }

    private func valid() -> WireMessage {
        WireMessage(
            subject: "shop.product.42",
            headers: [
                HeaderField("ce-specversion", "1.0"), HeaderField("ce-id", "e1"), HeaderField("ce-source", "/catalog"),
                HeaderField("ce-type", "product.priced"), HeaderField("ce-aggregateversion", "7"),
            ], body: Array(#"{"price":1}"#.utf8))
    }

    private func changed(_ name: String, _ value: String?) -> WireMessage {
        var message = valid()
        message.headers.removeAll { $0.isNamed(name) }
        if let value { message.headers.append(HeaderField(name, value)) }
        return message
    }

    @Test("The five required headers are enough")
    func minimal() throws {
        let envelope = try codec.decode(valid())
        #expect(envelope.aggregate.description == "product/42")
        #expect(envelope.version.number == 7)
        #expect(envelope.schemaRevision == 1)
        #expect(envelope.time == nil)
    }

    @Test("Everything that is encoded is decoded, and encodes to the same bytes")
    func roundTrip() throws {
        let envelope = Envelope(
            id: try EventID("\u{fc}%\"x y"), source: try EventSource("/a b"), type: try EventType("product.priced"),
            aggregate: try Aggregate(parsing: "product/a b/\u{fc}*.>"), version: .highest,
            time: Timestamp(rfc3339: "2026-03-01T11:00:00.25Z"), schemaRevision: 3,
            causation: Causation(
                correlationID: try EventID("c"), causationID: try EventID("d"), traceParent: "00-1-2-01",
                traceState: "a=b"), body: Array("[1]".utf8))
        let message = codec.encode(envelope)
        #expect(try codec.decode(message) == envelope)
        #expect(codec.encode(try codec.decode(message)) == message)
        let stored = StoredEnvelope.encode(message)
        #expect(try StoredEnvelope.decode(stored, subject: message.subject) == message)
    }

    @Test(
        "A required header that is missing or there twice is malformed",
        arguments: ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-aggregateversion"])
    func requiredHeaders(name: String) {
        #expect(throws: MalformedReason.self) { try codec.decode(changed(name, nil)) }
        var twice = valid()
        twice.headers.append(HeaderField(name.uppercased(), "1"))
        #expect(throws: MalformedReason.self) { try codec.decode(twice) }
    }

    @Test(
        "Values that break the contract",
        arguments: [
            ("ce-specversion", "0.3"), ("ce-specversion", ""), ("ce-id", ""), ("ce-id", "a%00b"), ("ce-id", "%FF"),
            ("ce-source", ""), ("ce-type", "%0A"), ("ce-aggregateversion", "-1"), ("ce-aggregateversion", "1.5"),
            ("ce-aggregateversion", "99999999999999999999999"), ("ce-aggregateversion", "01"), ("ce-time", "yesterday"),
            ("ce-datacontenttype", "text/plain"), ("ce-datacontenttype", ""), ("ce-schemarevision", "0"),
            ("ce-schemarevision", "1000000000"), ("ce-correlationid", ""),
        ])
    func badValues(name: String, value: String) {
        #expect(throws: MalformedReason.self) { try codec.decode(changed(name, value)) }
    }

    @Test("Lenient where the contract is: letter case, parameters, hexadecimal case, a lone %")
    func lenient() throws {
        #expect(try codec.decode(changed("ce-datacontenttype", "Application/JSON; charset=utf-8")).version.number == 7)
        #expect(try codec.decode(changed("ce-id", "a%c3%bc")).id.text == "a\u{fc}")
        #expect(try codec.decode(changed("ce-id", "100%")).id.text == "100%")
        #expect(try codec.decode(changed("ce-traceparent", "%00")).causation.traceParent == nil)
    }

    @Test("Bytes that are not UTF-8 are malformed, not a crash")
    func notUTF8() {
        var message = valid()
        message.headers[1] = HeaderField(name: Array("ce-id".utf8), value: [0xFF, 0xFE])
        #expect(throws: MalformedReason.self) { try codec.decode(message) }
        message = valid()
        message.body = [0x22, 0xFF, 0x22]
        #expect(throws: MalformedReason.self) { try codec.decode(message) }
    }

    @Test("A body that is not JSON, is empty, or nests deeper than 64 levels is malformed")
    func bodies() throws {
        func body(_ text: String) -> WireMessage {
            var message = valid()
            message.body = Array(text.utf8)
            return message
        }
        for text in ["", "{", "nope", "{} {}", "\u{FEFF}{}"] {
            #expect(throws: MalformedReason.self) { try codec.decode(body(text)) }
        }
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try codec.decode(body(nested(64)))
        #expect(throws: MalformedReason.self) { try codec.decode(body(nested(65))) }
        #expect(throws: MalformedReason.self) { try codec.decode(body(nested(100_000))) }
    }

    @Test("Exactly the bytes that need it are escaped, and a % without two digits stands for itself")
    func escaping() throws {
        func encoded(_ id: String) throws -> String? {
            let envelope = Envelope(
                id: try EventID(id), source: try EventSource("/s"), type: try EventType("t"),
                aggregate: try Aggregate(parsing: "product/1"), version: .first, body: Array("{}".utf8))
            return codec.encode(envelope).values(of: "ce-id").first.map { String(decoding: $0, as: UTF8.self) }
        }
        let plain = String(decoding: (UInt8(0x21)...0x7E).filter { $0 != 0x22 && $0 != 0x25 }, as: UTF8.self)
        #expect(try encoded(plain) == plain)
        #expect(try encoded("a \"%") == "a%20%22%25")
        #expect(try encoded("\u{a0}~") == "%C2%A0~")
        var envelope = try codec.decode(valid())
        envelope.causation = Causation(traceState: "\u{7f}")
        #expect(codec.encode(envelope).values(of: "ce-tracestate") == [Array("%7F".utf8)])
        for (value, id) in [("%41", "A"), ("x%4", "x%4"), ("x%", "x%"), ("%4g%42", "%4gB"), ("%e2%82%AC", "\u{20ac}")] {
            #expect(try codec.decode(changed("ce-id", value)).id.text == id)
        }
    }

    @Test("A revision is written when it is not 1, and read up to nine digits")
    func revisions() throws {
        var envelope = try codec.decode(changed("ce-schemarevision", "999999999"))
        #expect(envelope.schemaRevision == 999_999_999)
        #expect(codec.encode(envelope).values(of: "ce-schemarevision") == [Array("999999999".utf8)])
        envelope = try codec.decode(changed("ce-schemarevision", "1"))
        #expect(codec.encode(envelope).values(of: "ce-schemarevision").isEmpty)
    }

    @Test("Header names match without regard to the case of ASCII letters, and of nothing else")
    func names() {
        #expect(HeaderField("CE-Id", "").isNamed("ce-iD"))
        #expect(HeaderField("AZaz", "").isNamed("azAZ"))
        #expect(!HeaderField("ce@id", "").isNamed("ce`id"))
        #expect(!HeaderField("ce[id", "").isNamed("ce{id"))
        #expect(!HeaderField("ce-i", "").isNamed("ce-id"))
        #expect(!HeaderField("ce-idd", "").isNamed("ce-id"))
    }

    @Test("Random bytes in every place are refused or accepted, never a crash")
    func fuzz() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<20_000 {
            var message = valid()
            let garbage = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            switch Int.random(in: 0...3, using: &generator) {
            case 0: message.subject = String(decoding: garbage, as: UTF8.self)
            case 1: message.body = garbage
            case 2: message.headers[Int.random(in: 0..<5, using: &generator)].value = garbage
            default: message.headers.append(HeaderField(name: garbage, value: garbage))
            }
            _ = try? codec.decode(message)
            _ = try? StoredEnvelope.decode(garbage, subject: message.subject)
        }
    }
}
