/// Where and why a text is not JSON.
public struct JSONSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The offset of the byte at which it went wrong.
    public let offset: Int
    /// What is wrong.
    public let problem: String

    /// Creates an error.
    public init(offset: Int, problem: String) {
        self.offset = offset
        self.problem = problem
    }

    /// The problem and its place.
    public var description: String { "\(problem) at byte \(offset)" }
}
