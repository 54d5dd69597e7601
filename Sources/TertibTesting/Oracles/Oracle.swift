/// Judges a run by one statement about it, which has to hold at every moment of which it is told.
///
/// An oracle knows nothing of how the run came about: both engines of the simulator tell it of their worlds, a test with
/// real processes may tell it of theirs.
public protocol Oracle: Sendable {
    /// A short name, such as `applied-once`.
    var name: String { get }

    /// What it holds a run to, in a sentence.
    var statement: String { get }

    /// Takes note of what has happened.
    /// - Returns: what is wrong with it, in words; `nil` when nothing is.
    mutating func observe(_ observation: Observation) -> String?
}

/// What an oracle has found wrong.
public struct Violation: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The oracle's name.
    public var oracle: String
    /// What is wrong.
    public var statement: String
    /// When, in milliseconds from the start.
    public var at: Int

    /// Creates a violation.
    public init(oracle: String, statement: String, at: Int) {
        self.oracle = oracle
        self.statement = statement
        self.at = at
    }

    /// `applied-once: product/1@3 was applied twice`
    public var description: String { "\(oracle): \(statement)" }
}
