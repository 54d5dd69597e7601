import Tertib
import Testing

@testable import ShopDemo

@Suite("A second copy of an event")
struct HostilePublisherTests {
    @Test("is the same event to a reader, and another message to the broker", arguments: 0..<40)
    func sameEventOtherSpelling(number: Int) throws {
        let codec = WireCodec(namespace: try Namespace("shop"))
        let envelope = Envelope(
            id: try EventID("0199-%af/ü"), source: try EventSource("/x"), type: try EventType("product.priced"),
            aggregate: try Aggregate(parsing: "product/1"), version: .first, body: Array("{}".utf8))
        var original = codec.encode(envelope)
        original.headers.append(HeaderField("Nats-Msg-Id", "0199"))
        original.headers.append(HeaderField("nats-expected-last-subject-sequence", "0"))
        let copy = HostilePublisher.respelled(original, number)
        #expect(try codec.decode(copy) == envelope)
        #expect(copy.values(of: Header.id) != original.values(of: Header.id))
        #expect(copy.values(of: Header.messageID).isEmpty)
        #expect(copy.values(of: Header.expectedLastSubjectSequence).isEmpty)
    }
}
