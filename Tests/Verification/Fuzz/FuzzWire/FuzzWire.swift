import TertibCore
import TertibJetStream

/// What a message of any bytes does: the first line is the subject, then come the header block and the body, as the
/// broker would deliver them.
///
/// It decodes or is malformed, and what decodes survives the database and another trip over the wire unchanged.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzWire(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    let subjectEnd = bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
    let rest = bytes[min(subjectEnd + 1, bytes.endIndex)...]
    var blockEnd = rest.startIndex
    while blockEnd < rest.endIndex, !rest[blockEnd...].starts(with: [13, 10, 13, 10]) { blockEnd += 1 }
    let message = WireMessage(
        subject: String(decoding: bytes[..<subjectEnd], as: UTF8.self),
        headers: HeaderBlock(Array(rest[..<blockEnd])).storedFields, body: Array(rest[blockEnd...].dropFirst(4)))
    guard let codec = codec, let envelope = try? codec.decode(message) else { return 0 }

    let stored = StoredEnvelope.encode(message)
    let restored = try? StoredEnvelope.decode(stored, subject: message.subject)
    precondition(restored.flatMap { try? codec.decode($0) } == envelope, "the stored form reads back differently")
    precondition((try? codec.decode(codec.encode(envelope))) == envelope, "the message reads back differently")
    return 0
}

private let codec = (try? Namespace("shop")).map(WireCodec.init(namespace:))
