import TertibRuntime
import TertibCore

/// The reply subject of a delivery, which says which message it is and where the answer goes.
///
/// Version 1 has nine tokens, `$JS.ACK.<stream>.<consumer>.<attempt>.<stream sequence>.<consumer sequence>.<time>.
/// <pending>`; version 2 (ADR-15) has a domain and an account hash before the stream, and perhaps more at the end.
/// Only a delivery has such a reply, so it is also what tells a stored message from a status of the broker's.
struct DeliverySubject: Hashable, Sendable {
    let stream: Substring
    let consumer: Substring
    let attempt: Int
    let sequence: StreamSequence
    let storedAt: Timestamp
    let pending: UInt64

    init?(_ reply: String) {
        // One pass over the bytes: this is done for every delivery.
        guard reply.utf8.starts(with: "$JS.ACK.".utf8) else { return nil }
        var starts: [String.Index] = [reply.startIndex]
        starts.reserveCapacity(13)
        for index in reply.utf8.indices where reply.utf8[index] == UInt8(ascii: ".") {
            starts.append(reply.utf8.index(after: index))
        }
        guard starts.count == 9 || starts.count >= 11 else { return nil }
        let first = starts.count == 9 ? 2 : 4
        func token(_ offset: Int) -> Substring {
            let next = first + offset + 1
            let end = next < starts.count ? reply.utf8.index(before: starts[next]) : reply.endIndex
            return reply[starts[first + offset]..<end]
        }
        guard let attempt = Int(token(2)), let sequence = UInt64(token(3)), let nanoseconds = Int64(token(5)),
            let pending = UInt64(token(6))
        else { return nil }
        stream = token(0)
        consumer = token(1)
        self.attempt = attempt
        self.sequence = StreamSequence(sequence)
        storedAt = Timestamp(microseconds: nanoseconds / 1000)
        self.pending = pending
    }
}
