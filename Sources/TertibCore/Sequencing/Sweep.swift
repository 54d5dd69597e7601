/// The transaction in which a sweep reads what there is to do.
///
/// | state | input | next state, step |
/// |---|---|---|
/// | beginning | `begun` | counting, `countParked` |
/// | counting | nothing is parked | ended, `finish` |
/// | counting | rows are parked | reading drains, `readLeftoverDrains` |
/// | reading drains | `aggregates` | reading retries, `readDueRetries` |
/// | reading retries | `aggregates` | reading gaps, `readGaps` |
/// | reading gaps | `gaps` | ended, `finish` |
package struct SweepTransaction: Hashable, Sendable {
    /// What to do next.
    package enum Step: Hashable, Sendable {
        /// Count the consumer's parked rows.
        case countParked
        /// Read the aggregates whose next version is parked.
        case readLeftoverDrains(limit: Int)
        /// Read the aggregates whose retry is due.
        case readDueRetries(now: Timestamp, maxDelay: Duration, limit: Int)
        /// Read the gaps whose oldest row was parked before a time.
        case readGaps(parkedBefore: Timestamp, limit: Int)
        /// The transaction is over.
        case finish(SweepFindings)
    }

    /// What a step came to.
    package enum Input: Hashable, Sendable {
        /// The transaction has begun, at the database's time.
        case begun(at: Timestamp)
        /// How many rows are parked.
        case parkedCount(Int)
        /// The aggregates.
        case aggregates([Aggregate])
        /// The gaps.
        case gaps([Gap])
    }

    private enum State: Hashable, Sendable {
        case beginning, counting, readingDrains, readingRetries, readingGaps, ended
    }

    /// Maximum number of aggregates of each kind in one sweep.
    package static let limit = 64
    /// A row from the future was parked under a wrong clock, perhaps years ahead: it has waited long enough.
    private static let farAhead = Duration.seconds(1000 * 365 * 86_400)

    private let settings: ConsumerSettings
    private let gapLimit: Int
    private var state = State.beginning
    private var findings = SweepFindings()

    package init(settings: ConsumerSettings, gapLimit: Int) {
        self.settings = settings
        self.gapLimit = gapLimit
    }

    /// Takes what the last step came to, and returns the next one.
    package mutating func advance(_ input: Input) -> Step {
        switch (state, input) {
        case (.beginning, .begun(let now)):
            findings.now = now
            state = .counting
            return .countParked
        case (.counting, .parkedCount(let count)):
            findings.parked = count
            guard count > 0 else { return finish() }
            state = .readingDrains
            return .readLeftoverDrains(limit: Self.limit)
        case (.readingDrains, .aggregates(let aggregates)):
            findings.wakes.formUnion(aggregates)
            state = .readingRetries
            return .readDueRetries(now: findings.now, maxDelay: settings.retry.maxDelay, limit: Self.limit)
        case (.readingRetries, .aggregates(let aggregates)):
            findings.wakes.formUnion(aggregates)
            state = .readingGaps
            return .readGaps(parkedBefore: findings.now.advanced(by: Self.farAhead), limit: gapLimit)
        case (.readingGaps, .gaps(let gaps)):
            let holdLimit = findings.now.advanced(by: .zero - settings.gapHold)
            findings.gaps = gaps.filter { [now = findings.now] gap in
                gap.oldestParkedAt < holdLimit || gap.oldestParkedAt > now
            }
            return finish()
        default: preconditionFailure("an input that no step has asked for")
        }
    }

    private mutating func finish() -> Step {
        state = .ended
        return .finish(findings)
    }
}

/// What a sweep finds to do.
package struct SweepFindings: Hashable, Sendable {
    /// Aggregates with a drain left over, or a retry that is due.
    package fileprivate(set) var wakes: Set<Aggregate> = []
    /// The gaps past their hold.
    package fileprivate(set) var gaps: [Gap] = []
    /// How many rows are parked.
    package fileprivate(set) var parked = 0
    /// The database's time.
    package fileprivate(set) var now = Timestamp(microseconds: 0)
}

/// Decides when a sweep is due: when it is requested, at least once a second, and while something is parked one after the
/// other, until several in a row had nothing to do: a gap that stays must not keep the database busy for as long.
///
/// | state | input | next state |
/// |---|---|---|
/// | resting | a request | active |
/// | resting | a second since the last sweep | sweeping, then resting |
/// | active | a moment | sweeping |
/// | sweeping | progress | active, with all its patience |
/// | sweeping | what is parked waits | active with less patience; without any resting |
/// | sweeping | nothing is parked | resting |
package struct SweepPacer: Hashable, Sendable {
    /// What a sweep came to.
    package enum Outcome: Hashable, Sendable {
        /// There was something to do.
        case progress
        /// What is parked waits for a time, or for an event that is not there.
        case waiting
        /// Nothing is parked.
        case nothingParked
    }

    /// Mean time between two moments at which a sweep may begin.
    private static let tick: Duration = .milliseconds(200)
    /// Longest time between two sweeps.
    private static let interval: Duration = .seconds(1)
    /// Number of sweeps in a row without anything to do after which they rest.
    private static let patience = 5

    private var patience = 0
    private var lastSweep = Duration.zero

    package init() {}

    /// How long to wait until the next moment; `jitter` is a number in `0..<1`.
    package static func pause(jitter: Double) -> Duration { tick / 2 + tick * jitter }

    /// Whether a sweep begins now.
    package mutating func begins(isRequested: Bool, at now: Duration) -> Bool {
        if isRequested { patience = Self.patience }
        guard patience > 0 || now - lastSweep >= Self.interval else { return false }
        lastSweep = now
        patience = max(0, patience - 1)
        return true
    }

    /// A sweep has ended.
    package mutating func ended(_ outcome: Outcome) {
        switch outcome {
        case .progress: patience = Self.patience
        case .waiting: break
        case .nothingParked: patience = 0
        }
    }
}
