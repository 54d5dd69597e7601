import TertibRuntime
public import TertibCore

/// A bad event stops its own aggregate and no other, and it is the bad event that is blamed, after all its attempts.
///
/// Both engines tell of every commit. Whose handlers fail is known beforehand, or told when it happens.
public struct PoisonOracle: Oracle {
    /// `others-unaffected`
    public let name = "others-unaffected"
    /// What it says in lists.
    public let statement =
        "a bad event is blamed itself, after all its attempts, and stops its own aggregate only"
    private var bad: Set<LedgerKey>
    private var failing: Set<LedgerKey>?
    private let maxAttempts: Int
    private let leastFailures: Int
    private var failures: [LedgerKey: Int] = [:]
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

    /// Creates an oracle that knows which handlers fail, `nil` where others are blamed with reason too, which of these
    /// fail for good, and after how many attempts an event is a dead letter; of the failures that it is told, so many
    /// are for good.
    public init(failing: Set<LedgerKey>?, bad: Set<LedgerKey>, maxAttempts: Int = 1, leastFailures: Int = 1) {
        self.failing = failing
        self.bad = bad
        self.maxAttempts = maxAttempts
        self.leastFailures = leastFailures
    }

    /// Learns of forks, and judges quarantines and dead letters.
    public mutating func observe(_ observation: Observation) -> String? {
        switch observation {
        case .stored(_, let event?):
            let key = LedgerKey(event.aggregate, event.version)
            if let known = events[key], known != event.id { forked.insert(event.aggregate) }
            events[key] = events[key] ?? event.id
            return nil
        case .handlerFailed(let entry):
            let key = LedgerKey(entry.aggregate, entry.version)
            failing?.insert(key)
            failures[key, default: 0] += 1
            if failures[key, default: 0] >= leastFailures { bad.insert(key) }
            return nil
        case .committed(let commit):
            for change in commit.changes {
                if let fault = judge(change) { return fault }
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

    private func judge(_ change: CommitObservation.Change) -> String? {
        if let fault = judgeBlame(change) { return fault }
        guard let after = change.after, after.status != change.before?.status, let next = after.version.next else {
            return nil
        }
        let key = LedgerKey(change.aggregate, next)
        if after.status == .quarantined, !forked.contains(change.aggregate), !bad.contains(key) {
            return "\(change.aggregate) is quarantined at \(next), and its handler does not fail for good"
        }
        if after.status == .retrying, let failing, !failing.contains(key) {
            return "\(change.aggregate)@\(next) is to be tried again, and its handler did not fail"
        }
        return nil
    }

    private func judgeBlame(_ change: CommitObservation.Change) -> String? {
        for row in change.parked where row.attempts > 0 || row.reason == .retry {
            guard let failing, !failing.contains(LedgerKey(change.aggregate, row.version)) else { continue }
            return "\(change.aggregate)@\(row.version) is blamed, and its handler does not fail"
        }
        for letter in change.deadLetters where letter.reason == .failed && letter.attempts < maxAttempts {
            return "\(change.aggregate)@\(letter.version ?? .none) is a dead letter after \(letter.attempts) of "
                + "\(maxAttempts) attempts"
        }
        return nil
    }
}
