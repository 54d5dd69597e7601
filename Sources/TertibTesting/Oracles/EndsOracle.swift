/// A run comes to its end: somebody can always go on, there is an end to it, and no replica ends or fails by itself.
///
/// Both engines tell of it, each when it sees that its run does not go on.
public struct EndsOracle: Oracle {
    /// `ends`
    public let name = "ends"
    /// What it says in lists.
    public let statement = "somebody can always go on, the run comes to its end, and nobody fails without a fault"

    /// Creates an oracle.
    public init() {}

    /// Passes on what the engine has seen.
    public mutating func observe(_ observation: Observation) -> String? {
        guard case .halted(let why) = observation else { return nil }
        return why
    }
}
