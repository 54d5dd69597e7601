import TertibRuntime
import TertibCore

/// Each version of each aggregate takes effect once, and nobody even tries a second time behind the fence.
///
/// Both engines tell of every handler that begins, and of every effect.
public struct AppliedOnceOracle: Oracle {
    /// `applied-once`
    public let name = "applied-once"
    /// What it says in lists.
    public let statement =
        "each version takes effect once, and nobody tries a second time behind the fence"
    private var applied: Set<LedgerEntry> = []
    private var attempts: [LedgerEntry: Int] = [:]

    /// Creates an oracle of which nothing has been applied.
    public init() {}

    /// Keeps a ledger of its own.
    public mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .attempted(let entry):
            attempts[entry, default: 0] += 1
            return nil
        case .appliedAgain(let entry):
            return "a second application of \(entry) was refused by the ledger alone"
        case .committed(let commit):
            for entry in commit.changes.flatMap(\.applied) {
                if attempts[entry] == nil { return "\(entry) took effect without its handler" }
                if !applied.insert(entry).inserted { return "\(entry) took effect twice" }
            }
            return nil
        case .rest(let rest):
            let sum = rest.watermarks.reduce(Int64(0)) { $0 + $1.version.number }
            guard Int64(rest.ledger.count) == sum else {
                return "the watermarks add up to \(sum) events, and \(rest.ledger.count) took effect"
            }
            return nil
        default: return nil
        }
    }
}
