/// Text as a terminal lays it out.
package enum DisplayText {
    /// How many columns a terminal takes for the text.
    package static func width(_ text: String) -> Int {
        text.reduce(0) { $0 + width($1) }
    }

    /// The text cut to `limit` columns, with an ellipsis in the place of what is lost.
    package static func cut(_ text: String, to limit: Int) -> String {
        guard width(text) > limit else { return text }
        guard limit > 0 else { return "" }
        var cut = ""
        var room = limit - 1
        for character in text {
            room -= width(character)
            if room < 0 { break }
            cut.append(character)
        }
        return cut + "…"
    }

    private static func width(_ character: Character) -> Int {
        var width = 0
        for scalar in character.unicodeScalars { width = max(width, self.width(scalar)) }
        return width
    }

    /// Source: Unicode Standard Annex 11, East Asian Width: the blocks of wide and full-width characters.
    private static func width(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
            0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1FAFF,
            0x20000...0x3FFFD:
            return 2
        default:
            return 1
        }
    }
}

/// Breaks sentences into lines.
package enum Paragraph {
    /// The lines of one item of a list: broken between words where there is a width, later lines indented.
    package static func lines(_ text: String, width: Int?, bullet: String, indent: Int? = nil) -> [String] {
        guard let width else { return [bullet + text] }
        let indentation = String(repeating: " ", count: indent ?? bullet.count)
        var lines: [String] = []
        var line = bullet
        var isEmpty = true
        for word in text.split(separator: " ") {
            if !isEmpty, DisplayText.width(line) + 1 + DisplayText.width(String(word)) > width {
                lines.append(line)
                (line, isEmpty) = (indentation, true)
            }
            line += isEmpty ? String(word) : " \(word)"
            isEmpty = false
        }
        return lines + [line]
    }
}
