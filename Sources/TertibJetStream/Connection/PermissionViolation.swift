import TertibCore

/// What a server says when a user may not do something: `Permissions Violation for Publish to "shop.product.42"`.
///
/// A refused publish is no error of the call: nothing else than this text tells about it.
struct PermissionViolation: Hashable, Sendable {
    enum Operation: Hashable, Sendable {
        case publish, subscription
    }

    let operation: Operation
    /// The subject, or its beginning: libnats keeps 255 characters of the text.
    let subject: String
    let isCut: Bool

    /// `nil` when the text is about something else.
    init?(_ text: String) {
        let publish = "Permissions Violation for Publish to \""
        let subscription = "Permissions Violation for Subscription to \""
        if let start = text.firstRange(of: publish) {
            operation = .publish
            (subject, isCut) = Self.subject(in: text[start.upperBound...])
        } else if let start = text.firstRange(of: subscription) {
            operation = .subscription
            (subject, isCut) = Self.subject(in: text[start.upperBound...])
        } else {
            return nil
        }
    }

    private static func subject(in rest: Substring) -> (String, Bool) {
        guard let quote = rest.firstIndex(of: "\"") else { return (String(rest), true) }
        return (String(rest[..<quote]), false)
    }

    func concerns(publishTo other: String) -> Bool {
        operation == .publish && (isCut ? other.utf8.starts(with: subject.utf8) : other == subject)
    }

    var error: EventLogError {
        switch operation {
        case .publish:
            EventLogError(
                .notPermitted, attempted: "send to \(subject)",
                reason: "the broker does not permit this user to publish there",
                advice: "Allow the user to publish to it.")
        case .subscription:
            EventLogError(
                .notPermitted, attempted: "receive on \(subject)",
                reason: "the broker does not permit this user to subscribe there",
                advice: "Allow it, or set nats.inboxPrefix to what the user may subscribe to.")
        }
    }
}
