import TertibCore

/// Shows a text from outside in a message.
enum QuotedText {
    /// Maximum number of characters that are shown.
    static let limit = 60

    /// The text as a JSON string, shortened.
    static func quote(_ text: String) -> String {
        let shown = JSONValue.escaped(String(text.unicodeScalars.prefix(limit)))
        return text.unicodeScalars.count > limit ? "\"\(shown)…\"" : "\"\(shown)\""
    }
}
