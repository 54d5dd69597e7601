/// What came of many runs.
public struct SimulationReport: Sendable {
    /// How many runs there were.
    public internal(set) var schedules = 0
    /// How many choices they made in all.
    public internal(set) var steps = 0
    /// How long they took, in real time.
    public internal(set) var elapsed: Duration = .zero
    /// The virtual time that they covered.
    public internal(set) var simulated: Duration = .zero
    /// How many runs failed.
    public internal(set) var failed = 0
    /// The first of them, by seed.
    public internal(set) var failures: [SimulationOutcome] = []
    /// Seeds of which a second run was another.
    public internal(set) var unequal: [UInt64] = []
    /// How often each rare branch was met.
    public internal(set) var branches: [RareBranch: Int] = [:]

    /// At most so many failures are kept.
    static let failureLimit = 10

    /// Runs a second.
    public var schedulesPerSecond: Double {
        elapsed > .zero ? Double(schedules) / (elapsed / .seconds(1)) : 0
    }

    /// Whether no oracle objected, and every second run was equal.
    public var isRight: Bool { failed == 0 && unequal.isEmpty }

    /// The rare branches that were met less often than `times`: then the runs say little about them.
    public func vacuous(below times: Int) -> [RareBranch] {
        RareBranch.allCases.filter { branches[$0, default: 0] < times }
    }

    mutating func add(_ outcome: SimulationOutcome) {
        schedules += 1
        steps += outcome.steps
        simulated += outcome.duration
        branches.merge(outcome.branches, uniquingKeysWith: +)
        guard !outcome.violations.isEmpty else { return }
        failed += 1
        failures.append(outcome)
        failures.sort { $0.plan.options.seed < $1.plan.options.seed }
        failures.removeLast(max(0, failures.count - Self.failureLimit))
    }
}
