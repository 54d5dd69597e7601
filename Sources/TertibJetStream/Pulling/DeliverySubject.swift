import Tertib
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
        let tokens = reply.split(separator: ".", omittingEmptySubsequences: false)
        guard tokens.count == 9 || tokens.count >= 11, tokens[0] == "$JS", tokens[1] == "ACK" else { return nil }
        let first = tokens.count == 9 ? 2 : 4
        guard let attempt = Int(tokens[first + 2]), let sequence = UInt64(tokens[first + 3]),
            let nanoseconds = Int64(tokens[first + 5]), let pending = UInt64(tokens[first + 6])
        else { return nil }
        stream = tokens[first]
        consumer = tokens[first + 1]
        self.attempt = attempt
        self.sequence = StreamSequence(sequence)
        storedAt = Timestamp(microseconds: nanoseconds / 1000)
        self.pending = pending
    }
}
