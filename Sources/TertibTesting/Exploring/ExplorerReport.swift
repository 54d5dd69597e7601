/// What came of many schedules of the explorer.
package struct ExplorerReport: Sendable {
    /// How many schedules there were.
    package internal(set) var schedules = 0
    /// How many steps they took in all.
    package internal(set) var steps = 0
    /// How long they took.
    package internal(set) var elapsed: Duration = .zero
    /// How many failed.
    package internal(set) var failed = 0
    /// The first of them, by seed.
    package internal(set) var failures: [(seed: UInt64, finding: ExplorerFinding)] = []
    /// Seeds of which a second run was another.
    package internal(set) var unequal: [UInt64] = []
    /// How often each rare branch was met.
    package internal(set) var branches = BranchCounts()

    /// At most so many failures are kept.
    static let failureLimit = 10

    /// Schedules a second.
    package var schedulesPerSecond: Double {
        elapsed > .zero ? Double(schedules) / (elapsed / .seconds(1)) : 0
    }

    /// Whether no oracle objected, and every second run was equal.
    package var isRight: Bool { failed == 0 && unequal.isEmpty }

    mutating func add(_ failure: (seed: UInt64, finding: ExplorerFinding)) {
        failed += 1
        failures.append(failure)
        sort()
    }

    mutating func add(_ other: ExplorerReport) {
        schedules += other.schedules
        steps += other.steps
        failed += other.failed
        failures += other.failures
        unequal = (unequal + other.unequal).sorted()
        branches.add(other.branches)
        sort()
    }

    private mutating func sort() {
        failures.sort { $0.seed < $1.seed }
        failures.removeLast(max(0, failures.count - Self.failureLimit))
    }
}
