import Tertib
public import TertibCore

/// A bad event stops its own aggregate and no other, and it is the bad event that is blamed.
public struct PoisonOracle: Oracle {
    /// `others-unaffected`
    public let name = "others-unaffected"
    private let bad: Set<LedgerKey>
    private var forked: Set<Aggregate> = []
    private var events: [LedgerKey: EventID] = [:]

    /// A version of an aggregate.
    public struct LedgerKey: Hashable, Sendable {
        /// The aggregate.
        public var aggregate: Aggregate
        /// The version.
        public var version: AggregateVersion

        /// Creates a key.
        public init(_ aggregate: Aggregate, _ version: AggregateVersion) {
            self.aggregate = aggregate
            self.version = version
        }
    }

    /// Creates an oracle that knows which handlers always fail.
    public init(bad: Set<LedgerKey>) {
        self.bad = bad
    }

    /// Learns of forks, and judges quarantines and dead letters.
    public mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .stored(_, let event?):
            let key = LedgerKey(event.aggregate, event.version)
            if let known = events[key], known != event.id { forked.insert(event.aggregate) }
            events[key] = events[key] ?? event.id
            return nil
        case .committed(let commit):
            for change in commit.changes {
                guard change.after?.status == .quarantined, change.before?.status != .quarantined,
                    let next = change.after?.version.next
                else { continue }
                if !forked.contains(change.aggregate), !bad.contains(LedgerKey(change.aggregate, next)) {
                    return "\(change.aggregate) is quarantined at \(next), and its handler does not fail for good"
                }
            }
            return nil
        case .rest(let rest):
            for letter in rest.deadLetters where letter.reason == .failed {
                guard let aggregate = letter.aggregate, let version = letter.version,
                    bad.contains(LedgerKey(aggregate, version))
                else { return "\(letter.subject)@\(letter.version ?? .none) is blamed, and its handler does not fail" }
            }
            return nil
        default: return nil
        }
    }
}
