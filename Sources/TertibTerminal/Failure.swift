package import TertibCore

/// How a verb ends.
package enum ExitStatus: Int32, Hashable, Sendable {
    /// Done.
    case done = 0
    /// Something is wrong, or a race was lost.
    case wrong = 1
    /// The arguments or the configuration cannot be used.
    case unusable = 2
}

/// Why a verb did not do what it was asked to: three lines for a person, one document for a machine.
package struct Failure: Error, Hashable, Sendable {
    package var status: ExitStatus
    /// A stable name, such as `version-conflict`.
    package var code: String
    package var what: String
    package var why: String
    package var next: String
    /// What `--json` has besides the code.
    package var details: [JSONValue.Member]

    package init(
        status: ExitStatus, code: String, what: String, why: String, next: String,
        details: [JSONValue.Member] = []
    ) {
        self.status = status
        self.code = code
        self.what = what
        self.why = why
        self.next = next
        self.details = details
    }

    /// An error of which the program knows no more than its text.
    package init(unexpected error: any Error) {
        switch error {
        case let failure as Failure:
            self = failure
        case is CancellationError:
            self.init(
                status: .wrong, code: "cancelled", what: "the work was cancelled", why: "the process was asked to stop",
                next: "Start it again.")
        default:
            self.init(
                status: .wrong, code: "failed", what: "something unexpected went wrong", why: "\(error)",
                next: "Try again; if it happens again, report it with this message.")
        }
    }

    /// Work that the process was asked to stop.
    /// - Parameter work: A noun and what became of it, such as `the experiment was interrupted`.
    package static func interrupted(_ work: String, why: String? = nil, next: String) -> Failure {
        Failure(
            status: .wrong, code: "interrupted", what: work,
            why: why ?? "the process was asked to stop; everything that it had started has ended", next: next)
    }

    /// The lines for standard error.
    package func lines(for terminal: Terminal) -> [String] {
        func labelled(_ label: String, _ text: String, _ style: TextStyle) -> [String] {
            text.split(separator: "\n").enumerated().map { index, line in
                let prefix = index == 0 ? style.apply(label, on: terminal) : String(repeating: " ", count: label.count)
                return "\(prefix) \(SafeText.escaped(String(line)))"
            }
        }
        return labelled("error:", what, .bad) + labelled("  why:", why, .bold) + labelled(" next:", next, .bold)
    }

    /// The document for standard output: `{"error":"version-conflict",...}`.
    package var document: JSONValue {
        let words: [JSONValue.Member] =
            details.isEmpty ? [.init(key: "why", value: .string(why)), .init(key: "next", value: .string(next))] : []
        return .object(
            [.init(key: "error", value: .string(code))] + details + [.init(key: "what", value: .string(what))] + words)
    }
}
