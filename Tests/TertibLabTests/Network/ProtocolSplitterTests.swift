import Testing

@testable import TertibLab

@Suite("The protocol on the wire")
struct ProtocolSplitterTests {
    private let session = """
        CONNECT {"verbose":false}\r\nPING\r\nSUB _INBOX.a.* 1\r\n\
        PUB lab.foreign.1 5\r\nhello\r\nHPUB lab.foreign.2 reply 12 17\r\nNATS/1.0\r\n\r\nhello\r\n\
        PUB $JS.ACK.LAB.lab-rows.2.17.30.1700000000000000000.4 4\r\n+ACK\r\n
        """

    @Test("is cut into the same operations however the bytes arrive", arguments: [1, 2, 3, 7, 64, 1000])
    func portions(size: Int) {
        var splitter = ProtocolSplitter()
        let bytes = Array(session.utf8)
        var operations: [ProtocolOperation] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            operations += splitter.split(Array(bytes[start..<min(bytes.count, start + size)]))
        }
        #expect(operations.map(\.name) == ["CONNECT", "PING", "SUB", "PUB", "HPUB", "PUB"])
        #expect(operations.flatMap(\.bytes) == bytes)
        #expect(operations.compactMap(\.publishedSubject).dropLast() == ["lab.foreign.1", "lab.foreign.2"])
        #expect(String(decoding: operations[3].payload, as: UTF8.self) == "hello")
    }

    @Test("tells which delivery is acknowledged")
    func acknowledgement() throws {
        var splitter = ProtocolSplitter()
        let last = try #require(splitter.split(Array(session.utf8)).last)
        let subject = try #require(last.publishedSubject.flatMap { DeliverySubject($0) })
        #expect(subject.consumer == "lab-rows")
        #expect(subject.attempt == 2)
        #expect(subject.streamSequence == 17)
        let newer = DeliverySubject("$JS.ACK.hub.abc.LAB.lab-rows.3.18.31.1700000000000000000.4.x")
        #expect(newer?.streamSequence == 18)
        #expect(DeliverySubject("lab.foreign.1") == nil)
    }

    @Test("a delivery tells by its reply subject which message it is")
    func delivery() throws {
        let headers = "NATS/1.0\r\nce-id: 1\r\nce-aggregateversion: 12\r\n\r\n"
        let text =
            "HMSG lab.foreign.7 3 $JS.ACK.LAB.lab-rows.1.99.30.1.4 \(headers.utf8.count) \(headers.utf8.count + 2)"
            + "\r\n\(headers){}\r\n"
        var splitter = ProtocolSplitter()
        let operation = try #require(splitter.split(Array(text.utf8)).first)
        let delivery = try #require(operation.replySubject.flatMap { DeliverySubject($0) })
        #expect(delivery.attempt == 1)
        #expect(delivery.streamSequence == 99)
    }
}
