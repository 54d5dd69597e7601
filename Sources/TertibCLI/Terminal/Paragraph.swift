/// Breaks sentences into lines.
enum Paragraph {
    /// The lines of one item of a list: broken between words where there is a width, later lines indented.
    static func lines(_ text: String, width: Int?, bullet: String, indent: Int? = nil) -> [String] {
        guard let width else { return [bullet + text] }
        let indentation = String(repeating: " ", count: indent ?? bullet.count)
        var lines: [String] = []
        var line = bullet
        var isEmpty = true
        for word in text.split(separator: " ") {
            if !isEmpty, SafeText.width(line) + 1 + SafeText.width(String(word)) > width {
                lines.append(line)
                (line, isEmpty) = (indentation, true)
            }
            line += isEmpty ? String(word) : " \(word)"
            isEmpty = false
        }
        return lines + [line]
    }
}
