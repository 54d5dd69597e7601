/// How a verb ends.
enum ExitStatus: Int32, Hashable, Sendable {
    /// Done.
    case done = 0
    /// Something is wrong, or a race was lost.
    case wrong = 1
    /// The arguments or the configuration cannot be used.
    case unusable = 2
}

/// Why a verb did not do what it was asked to: three lines for a person, one document for a machine.
struct Failure: Error, Hashable, Sendable {
    var status: ExitStatus
    /// A stable name, such as `version-conflict`.
    var code: String
    var what: String
    var why: String
    var next: String
    /// What `--json` tells beside the code.
    var details: [JSONValue.Member] = []

    /// The lines for standard error.
    func lines(for terminal: Terminal) -> [String] {
        func labelled(_ label: String, _ text: String, _ style: TextStyle) -> [String] {
            text.split(separator: "\n").enumerated().map { index, line in
                let prefix = index == 0 ? style.apply(label, on: terminal) : String(repeating: " ", count: label.count)
                return "\(prefix) \(SafeText.escaped(String(line)))"
            }
        }
        return labelled("error:", what, .bad) + labelled("  why:", why, .bold) + labelled(" next:", next, .bold)
    }

    /// The document for standard output: `{"error":"version-conflict",...}`.
    var document: JSONValue {
        let words: [JSONValue.Member] =
            details.isEmpty ? [.init(key: "why", value: .string(why)), .init(key: "next", value: .string(next))] : []
        return .object(
            [.init(key: "error", value: .string(code))] + details + [.init(key: "what", value: .string(what))] + words)
    }
}
