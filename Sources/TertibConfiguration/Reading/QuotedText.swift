/// Shows a text from outside in a message.
enum QuotedText {
    /// The most characters that are shown.
    static let limit = 60

    /// The text in double quotes, shortened; quotes, and what would move a terminal's cursor or turn the direction of
    /// writing, escaped as JSON does.
    static func quote(_ text: String) -> String {
        let end = text.unicodeScalars.count > limit ? "…\"" : "\""
        return "\"" + escaped(text.unicodeScalars.prefix(limit)) + end
    }

    /// The text as a JSON string, whole.
    static func json(_ text: String) -> String {
        "\"" + escaped(text.unicodeScalars[...]) + "\""
    }

    /// The text without quotes, whole.
    static func plain(_ text: String) -> String {
        escaped(text.unicodeScalars[...], quotes: false)
    }

    private static func escaped(_ text: Substring.UnicodeScalarView, quotes: Bool = true) -> String {
        var quoted = ""
        for scalar in text {
            switch scalar {
            case "\"" where quotes: quoted += "\\\""
            case "\\" where quotes: quoted += "\\\\"
            case _ where isHarmful(scalar): quoted += escape(scalar)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: true
        default: false
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        scalar.utf16.map { unit in
            let digits = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }.joined()
    }
}
