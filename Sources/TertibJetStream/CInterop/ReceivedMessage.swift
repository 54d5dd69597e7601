import CNats
import Glibc

/// A message that libnats has handed over, copied into Swift memory.
struct ReceivedMessage: Sendable {
    let subject: String
    let reply: String?
    /// The header block as it came, `NATS/1.0` line included; empty when there is none.
    let headerBlock: [UInt8]
    let body: [UInt8]

    /// Copies the message and destroys it.
    ///
    /// The headers are taken as raw bytes, because libnats' own reader loses some: it takes the line after an empty
    /// value for the value, ends names and values at a NUL, and forgets the order. There is no call for the raw block,
    /// but in every libnats 3 a received message is one piece of memory, `subject NUL [reply NUL] [headers NUL] body
    /// NUL` (`natsMsg_create` in `msg.c`, read in 3.0.0 to 3.9.3), and the public getters point into it. Another major
    /// version is refused when the log is opened (``LibraryVersion``).
    init(consuming message: OpaquePointer) {
        defer { natsMsg_Destroy(message) }
        let bodyLength = max(0, Int(natsMsg_GetDataLength(message)))
        guard let subjectStart = natsMsg_GetSubject(message) else {
            self.init(subject: "", reply: nil, headerBlock: [], body: [])
            return
        }
        let replyStart = natsMsg_GetReply(message)
        // A subject may hold a NUL, so it is measured by where the reply begins; a delivery always has a reply.
        let subjectLength =
            replyStart.map { subjectStart.distance(to: $0) - 1 }.flatMap { $0 >= 0 ? $0 : nil }
            ?? strlen(subjectStart)
        let namesEnd = replyStart.map { $0 + strlen($0) + 1 } ?? subjectStart + subjectLength + 1
        var headers: [UInt8] = []
        var body: [UInt8] = []
        if let bodyStart = natsMsg_GetData(message) {
            body = Self.copy(bodyStart, bodyLength)
            let headerLength = namesEnd.distance(to: bodyStart) - 1
            if headerLength > 0 { headers = Self.copy(namesEnd, headerLength) }
        }
        self.init(
            subject: String(decoding: Self.bytes(subjectStart, subjectLength), as: UTF8.self),
            reply: replyStart.map { String(cString: $0) }, headerBlock: headers, body: body)
    }

    init(subject: String, reply: String?, headerBlock: [UInt8], body: [UInt8]) {
        self.subject = subject
        self.reply = reply
        self.headerBlock = headerBlock
        self.body = body
    }

    /// What the broker counts against a pull request's byte limit.
    var size: Int { subject.utf8.count + (reply?.utf8.count ?? 0) + headerBlock.count + body.count }

    private static func copy(_ start: UnsafePointer<CChar>, _ length: Int) -> [UInt8] {
        Array(bytes(start, length))
    }

    private static func bytes(_ start: UnsafePointer<CChar>, _ length: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start, count: length)
    }
}
