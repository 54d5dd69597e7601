/// Why a message breaks the wire contract. It becomes a *malformed* dead letter; it is never a crash, and never an
/// endless redelivery.
public struct MalformedReason: Error, Hashable, Sendable, CustomStringConvertible {
    /// Which part of the message is wrong.
    public enum Part: String, Hashable, Sendable {
        /// The subject.
        case subject
        /// A header.
        case header
        /// The body.
        case body
    }

    /// Which part of the message is wrong.
    public let part: Part
    /// What is wrong, in words that hold no payload.
    public let explanation: String

    /// Creates a reason.
    public init(_ part: Part, _ explanation: String) {
        self.part = part
        self.explanation = explanation
    }

    /// The explanation.
    public var description: String { explanation }
}
