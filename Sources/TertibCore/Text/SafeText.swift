/// The one rule for text from outside that a person reads in a terminal: characters that move the cursor, colour what
/// follows, change the direction of writing or cannot be seen are shown as an escape.
package enum SafeText {
    /// The text with each harmful character written as `\u{1b}`.
    package static func escaped(_ text: String) -> String {
        replacingHarmful(in: text) { "\\u{" + String($0.value, radix: 16) + "}" }
    }

    /// The text with each harmful character replaced.
    static func replacingHarmful(in text: String, with escape: (Unicode.Scalar) -> String) -> String {
        guard text.unicodeScalars.contains(where: isSuspicious) else { return text }
        var safe = ""
        var previous: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            if isHarmful(scalar, after: previous) {
                safe += escape(scalar)
            } else {
                safe.unicodeScalars.append(scalar)
            }
            previous = scalar
        }
        return safe
    }

    /// Whether a terminal may obey a character, or a reader may be deceived by it.
    ///
    /// The two joiners belong to emoji and to Indic and Arabic scripts; behind an ASCII character they are invisible
    /// and join nothing.
    static func isHarmful(_ scalar: Unicode.Scalar, after previous: Unicode.Scalar?) -> Bool {
        guard isSuspicious(scalar) else { return false }
        return isJoiner(scalar) ? previous.map(\.isASCII) ?? true : true
    }

    private static func isJoiner(_ scalar: Unicode.Scalar) -> Bool { scalar == "\u{200C}" || scalar == "\u{200D}" }

    private static func isSuspicious(_ scalar: Unicode.Scalar) -> Bool {
        if (0x20...0x7E).contains(scalar.value) { return false }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: return true
        default: return false
        }
    }
}
