/// A configuration that cannot be used, with everything that is wrong with it.
///
/// It is thrown before anything has been opened, created or sent.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, in the order of the file; never empty.
    public let problems: [ConfigurationProblem]

    /// The most problems that a description shows.
    static let shownLimit = 20

    init(_ first: ConfigurationProblem, _ others: [ConfigurationProblem] = []) {
        problems = [first] + others
    }

    /// What is wrong.
    public var what: String {
        problems.count == 1 ? problems[0].summary : "\(problems[0].file) has \(problems.count) problems"
    }

    /// Why: what was expected and what was found; of several problems, each in a line.
    public var why: String {
        guard problems.count > 1 else { return problems[0].reason }
        let lines = problems.prefix(Self.shownLimit).map { "\($0.summary); \($0.reason); \($0.advice)" }
        let rest = problems.count - lines.count
        return (lines + (rest > 0 ? ["and \(rest) more"] : [])).joined(separator: "\n")
    }

    /// What to do about it.
    public var whatToDo: String {
        problems.count == 1
            ? problems[0].advice
            : "correct the file; docs/configuration.schema.json describes every setting"
    }

    /// What, why, and what to do.
    public var description: String { "\(what)\n\(why)\n\(whatToDo)" }
}
