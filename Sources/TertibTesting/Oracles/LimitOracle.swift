import TertibRuntime
import TertibCore

/// What is parked stays within its limits.
///
/// Both engines tell of every commit; that memory stays within its limit as well, only a test with processes can tell.
public struct LimitOracle: Oracle {
    /// `within-limits`
    public let name = "within-limits"
    /// What it says in lists.
    public let statement =
        "what is parked stays within its limits"
    private var maxParkedPerAggregate: Int
    private let maxParkedInAll: Int

    /// Creates an oracle that knows the limits; that of all rows together includes a batch a replica.
    public init(maxParkedPerAggregate: Int, maxParkedInAll: Int) {
        self.maxParkedPerAggregate = maxParkedPerAggregate
        self.maxParkedInAll = maxParkedInAll
    }

    /// Judges each commit. A row that waits for its next attempt is exempt.
    public mutating func observe(_ observation: Observation) -> String? {
        if case .limitRaised(let limit) = observation { maxParkedPerAggregate = limit }
        guard case .committed(let commit) = observation else { return nil }
        for change in commit.changes {
            let count = change.parked.count { $0.reason == .gap || $0.reason == .behindFailure }
            if count > maxParkedPerAggregate {
                return "\(count) rows of \(change.aggregate) are parked, and the limit is \(maxParkedPerAggregate)"
            }
        }
        if commit.parkedInAll > maxParkedInAll {
            return "\(commit.parkedInAll) rows are parked, and the limit is \(maxParkedInAll)"
        }
        return nil
    }
}
