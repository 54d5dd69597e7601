/// The bytes in which a waiting event is kept in a database: the header block as NATS writes it, then the body.
///
/// The block ends with its empty line (`CR LF CR LF`), so the two parts need no length. A line that is not
/// `name: value` cannot arise from a message that was decoded.
public enum StoredEnvelope {
    private static let preamble = Array("NATS/1.0\r\n".utf8)
    private static let lineEnd = Array("\r\n".utf8)

    /// The header block alone, as a dead letter keeps it.
    public static func headerBlock(_ headers: [HeaderField]) -> [UInt8] {
        var block = preamble
        for field in headers {
            block += field.name
            block += Array(": ".utf8)
            block += field.value
            block += lineEnd
        }
        return block + lineEnd
    }

    /// The stored form of a message.
    public static func encode(_ message: WireMessage) -> [UInt8] {
        headerBlock(message.headers) + message.body
    }

    /// Reads the stored form back.
    /// - Throws: ``MalformedReason`` when the bytes are not what ``encode(_:)`` gives.
    public static func decode(_ stored: [UInt8], subject: String) throws(MalformedReason) -> WireMessage {
        guard stored.starts(with: preamble) else {
            throw MalformedReason(.header, "the stored envelope does not begin with a header block")
        }
        var message = WireMessage(subject: subject)
        var position = preamble.count
        while true {
            guard let end = lineBreak(in: stored, from: position) else {
                throw MalformedReason(.header, "the stored envelope's header block does not end")
            }
            if end == position {
                message.body = Array(stored[(end + lineEnd.count)...])
                return message
            }
            let line = stored[position..<end]
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
                throw MalformedReason(.header, "the stored envelope has a header line without a colon")
            }
            let value = line[(colon + 1)...].drop { $0 == UInt8(ascii: " ") }
            message.headers.append(HeaderField(name: Array(line[..<colon]), value: Array(value)))
            position = end + lineEnd.count
        }
    }

    private static func lineBreak(in bytes: [UInt8], from start: Int) -> Int? {
        var index = start
        while index + 1 < bytes.count {
            if bytes[index] == lineEnd[0], bytes[index + 1] == lineEnd[1] { return index }
            index += 1
        }
        return nil
    }
}
