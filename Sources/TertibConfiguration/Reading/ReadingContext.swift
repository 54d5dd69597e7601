import TertibCore

/// What one reading of a file has found so far: problems, and what each setting is and where it came from.
///
/// A class because the sections of a file report to one place; it never leaves the call that reads.
final class ReadingContext {
    let file: String
    /// Where relative paths start.
    let directory: String
    /// The variables of the process.
    let environment: [String: String]
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var warnings: [ConfigurationProblem] = []
    private(set) var settings: [EffectiveSetting] = []

    init(file: String, directory: String, environment: [String: String]) {
        self.file = file
        self.directory = directory
        self.environment = environment
    }

    /// Keeps a problem.
    func report(
        _ code: ConfigurationProblem.Code, at position: TextPosition?, _ path: JSONPath, _ problem: String,
        reason: String, advice: String
    ) {
        problems.append(
            makeProblem(code, at: position, path, problem, reason: reason, advice: advice))
    }

    /// Keeps a warning.
    func warn(
        _ code: ConfigurationProblem.Code, at position: TextPosition?, _ path: JSONPath, _ problem: String,
        reason: String, advice: String
    ) {
        warnings.append(makeProblem(code, at: position, path, problem, reason: reason, advice: advice))
    }

    /// Keeps what a setting is.
    func record(_ path: JSONPath, _ value: String, from position: TextPosition?) {
        let origin = position.map { SettingOrigin.file(line: $0.line, column: $0.column) } ?? .default
        settings.append(EffectiveSetting(path: path.description, value: value, origin: origin))
    }

    /// Reads a value that stands in the file, or reports why it cannot be read.
    func read<Value>(_ node: JSONNode, at path: JSONPath, _ form: Form<Value>, defaultText: String?) -> Value? {
        do {
            let value = try form.read(node)
            record(path, form.show(value), from: node.position)
            return value
        } catch {
            let fallback = defaultText.map { ", or leave it out for the default \($0)" } ?? ""
            report(
                error.code, at: node.position, path, error.problem,
                reason: error.reason
                    ?? "expected \(form.expected), found \(form.hidesWhatIsFound ? node.kind : node.shown)",
                advice: error.advice ?? "write a value such as \(form.example)\(fallback)")
            return nil
        }
    }

    /// Everything that is wrong, in the order of the file; `nil` when nothing is.
    var error: ConfigurationError? {
        let sorted = problems.enumerated().sorted { left, right in
            (left.element.line ?? 0, left.element.column ?? 0, left.offset)
                < (right.element.line ?? 0, right.element.column ?? 0, right.offset)
        }.map(\.element)
        return sorted.first.map { ConfigurationError($0, Array(sorted.dropFirst())) }
    }

    private func makeProblem(
        _ code: ConfigurationProblem.Code, at position: TextPosition?, _ path: JSONPath, _ problem: String,
        reason: String, advice: String
    ) -> ConfigurationProblem {
        ConfigurationProblem(
            code: code, file: file, line: position?.line, column: position?.column, path: path.description,
            problem: problem, reason: reason, advice: advice)
    }
}
