import TertibCore

/// What the broker says about a pull request.
enum PullStatus: Hashable, Sendable {
    /// The request still lives.
    case heartbeat
    /// The request is over, as it should be: its time or its messages have run out.
    case ended
    /// The next message is larger than the request's byte limit.
    case tooFewBytes
    /// The request is over, or was not taken; the broker has to rest before the next one.
    case rejected(String)
    /// The durable consumer has been deleted.
    case consumerDeleted

    init(_ headers: HeaderBlock) {
        let text = headers.description.lowercased()
        switch headers.status {
        case 100: self = .heartbeat
        case 404, 408: self = .ended
        case 409 where text.contains("consumer deleted"): self = .consumerDeleted
        case 409 where text.contains("message size exceeds"): self = .tooFewBytes
        case 409 where text.contains("batch completed"): self = .ended
        default: self = .rejected("\(headers.status ?? 0) \(headers.description)")
        }
    }
}
