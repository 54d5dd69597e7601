/// One thing that is wrong with a configuration: what, where, why, and what to do about it.
public struct ConfigurationProblem: Hashable, Sendable, CustomStringConvertible {
    /// The kinds of problem. More may be added.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String {
            case unreadable, syntax, unknownKey, repeatedKey, missingKey, wrongType, invalidValue, contradiction
            case notYet, exposedSecret
        }
        private let wrapped: Wrapped

        /// The file, or a file that it names, cannot be read.
        public static let unreadable = Code(wrapped: .unreadable)
        /// It is not JSON.
        public static let syntax = Code(wrapped: .syntax)
        /// There is no setting of that name.
        public static let unknownKey = Code(wrapped: .unknownKey)
        /// A setting is there twice.
        public static let repeatedKey = Code(wrapped: .repeatedKey)
        /// A required setting is not there.
        public static let missingKey = Code(wrapped: .missingKey)
        /// A number where text is expected, and the like.
        public static let wrongType = Code(wrapped: .wrongType)
        /// The right type, and a value that cannot be.
        public static let invalidValue = Code(wrapped: .invalidValue)
        /// Two settings that exclude each other.
        public static let contradiction = Code(wrapped: .contradiction)
        /// A feature that this version does not have yet.
        public static let notYet = Code(wrapped: .notYet)
        /// A file with a secret that others on the machine can read: a warning.
        public static let exposedSecret = Code(wrapped: .exposedSecret)

        /// The name of the code.
        public var description: String { wrapped.rawValue }
    }

    /// What kind of problem.
    public let code: Code
    /// The file, as it was named to the reader; `environment` for a variable.
    public let file: String
    /// The line from 1; `nil` when the problem has no place in the text.
    public let line: Int?
    /// The column from 1, in Unicode scalars; `nil` when the problem has no place in the text.
    public let column: Int?
    /// The JSON path of the setting, such as `$.consumers.orders.batch`; `$` is the whole file.
    public let path: String
    /// What is wrong, as the rest of a sentence that begins with the path: `is not a setting`.
    public let problem: String
    /// Why: what was expected and what was found. Never a secret, never an unknown text unescaped.
    public let reason: String
    /// What to do about it.
    public let advice: String

    /// `orders.json:7:5`
    public var place: String {
        guard let line, let column else { return file }
        return "\(file):\(line):\(column)"
    }

    /// What is wrong, with its place and path.
    public var summary: String { "\(place): \(path) \(problem)" }

    /// What, why, and what to do, a line each.
    public var description: String { "\(summary)\n\(reason)\n\(advice)" }
}
