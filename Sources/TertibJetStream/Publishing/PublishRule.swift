import TertibCore

/// What a message must be so that it can be written to a connection at all. libnats checks none of it: a space in a
/// subject or a line end in a header would change the protocol line that the server reads.
enum PublishRule {
    /// Why the message cannot be published; `nil` when it can.
    static func objection(to message: WireMessage) -> String? {
        if let reason = objection(toSubject: message.subject) { return reason }
        for field in message.headers {
            let isName =
                !field.name.isEmpty
                && field.name.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
            if !isName { return "a header's name is empty or has a space, a colon or a byte outside of ASCII" }
            let isValue =
                !field.value.isEmpty
                && field.value.allSatisfy { $0 != 0 && $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }
            if !isValue { return "the value of a header is empty, or has a line end or a NUL" }
        }
        return nil
    }

    static func objection(toSubject subject: String) -> String? {
        let tokens = subject.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        for token in tokens {
            if token.isEmpty { return "the subject has an empty token" }
            if token.contains(where: { $0 <= 0x20 || $0 == 0x7F }) {
                return "the subject has a space or a control byte"
            }
            if token.elementsEqual("*".utf8) || token.elementsEqual(">".utf8) { return "the subject has a wildcard" }
        }
        return nil
    }
}
