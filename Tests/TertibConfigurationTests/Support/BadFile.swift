import Testing
import TertibConfiguration

/// A configuration with one mistake, which stands where the text has the mark `§`.
struct BadFile: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    let code: ConfigurationProblem.Code
    let path: String
    /// What the message must contain.
    let fragments: [String]

    init(
        _ name: String, _ text: String, _ code: ConfigurationProblem.Code, _ path: String, _ fragments: String...
    ) {
        self.name = name
        self.text = text
        self.code = code
        self.path = path
        self.fragments = fragments
    }

    var testDescription: String { name }

    /// The text without the mark.
    var content: String { text.replacing("§", with: "") }

    /// The line and column of the mark, both from 1.
    var place: (line: Int, column: Int) {
        let before = text.prefix { $0 != "§" }
        let lines = before.split(separator: "\n", omittingEmptySubsequences: false)
        return (lines.count, (lines.last?.unicodeScalars.count ?? 0) + 1)
    }
}
