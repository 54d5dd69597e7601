/// Why something that runs processes could not run, in three lines.
public struct LabError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What could not be done.
    public let what: String
    /// Why.
    public let why: String
    /// What to do next.
    public let advice: String
    /// Whether it cannot run here at all, as it was asked for: the exit status 2 of a command, and not 1.
    public let isUnusable: Bool

    /// Creates an error.
    public init(_ what: String, why: String, advice: String, isUnusable: Bool = false) {
        self.what = what
        self.why = why
        self.advice = advice
        self.isUnusable = isUnusable
    }

    /// What, why, and what to do next.
    public var description: String { "\(what)\n\(why)\n\(advice)" }
}
