/// The reply subject of a JetStream delivery: which message it is, and how often it has been delivered.
///
/// Nine tokens; from nats-server 2.14 on possibly with domain and account before the stream's name. Source:
/// architecture decision 15 of nats-io, "JetStream Subscribe Workflow".
struct DeliverySubject: Hashable {
    /// The JetStream consumer's name.
    let consumer: String
    /// Which delivery of the message it is, from 1.
    let attempt: Int
    /// The message's sequence in the stream.
    let streamSequence: UInt64

    /// `nil` when the subject is another one.
    init?(_ subject: some StringProtocol) {
        let tokens = subject.split(separator: ".", omittingEmptySubsequences: false)
        guard tokens.count >= 9, tokens[0] == "$JS", tokens[1] == "ACK" else { return nil }
        let first = tokens.count == 9 ? 3 : 5
        guard let attempt = Int(tokens[first + 1]), let sequence = UInt64(tokens[first + 2]) else { return nil }
        consumer = String(tokens[first])
        self.attempt = attempt
        streamSequence = sequence
    }
}
