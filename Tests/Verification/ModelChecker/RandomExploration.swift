import Synchronization
import TertibRuntime

/// What came of many schedules.
package struct ScheduleReport: Sendable {
    package internal(set) var schedules = 0
    package internal(set) var steps = 0
    package internal(set) var elapsed: Duration = .zero
    /// How many schedules failed.
    package internal(set) var failed = 0
    /// The first of them, by seed.
    package internal(set) var failures: [(seed: UInt64, finding: Finding)] = []
    /// Seeds of which a second run was another.
    package internal(set) var unequal: [UInt64] = []
    package internal(set) var branches: BranchCounts

    /// At most this many failures are kept.
    private static let failureLimit = 10

    package var schedulesPerSecond: Double {
        elapsed > .zero ? Double(schedules) / (elapsed / .seconds(1)) : 0
    }

    /// Whether no oracle objected, and every second run was equal.
    package var isRight: Bool { failed == 0 && unequal.isEmpty }

    mutating func add(_ more: [(seed: UInt64, finding: Finding)]) {
        failures = Array((failures + more).sorted { $0.seed < $1.seed }.prefix(Self.failureLimit))
    }

    mutating func add(_ other: ScheduleReport) {
        schedules += other.schedules
        steps += other.steps
        failed += other.failed
        add(other.failures)
        unequal = (unequal + other.unequal).sorted()
        branches.add(other.branches)
    }
}

/// Many seeds, each a schedule in one of several worlds, on several threads.
package struct RandomExploration<W: World>: Sendable {
    /// The scenarios that seeds are dealt to, in turn.
    package let setups: [W.Setup]

    package init(_ setups: [W.Setup]) {
        precondition(!setups.isEmpty, "there is a world to explore")
        self.setups = setups
    }

    /// The scenario of a seed.
    package func setup(of seed: UInt64) -> W.Setup { setups[index(of: seed)] }

    private func index(of seed: UInt64) -> Int { Int(seed % UInt64(setups.count)) }

    /// Takes the schedule of one seed, with its steps in words.
    package func run(seed: UInt64) throws -> (schedule: Schedule<W>, timeline: [String]) {
        let schedules = try Schedules<W>(setup(of: seed))
        let schedule = schedules.run(seed: seed)
        return (schedule, schedules.world.timeline(of: schedule.steps))
    }

    /// The least violation that the violation of a seed leads to.
    package func minimised(seed: UInt64) throws -> Finding? {
        let schedule = try run(seed: seed).schedule
        guard schedule.violation != nil else { return nil }
        let least = try Shrinker.minimise(schedule)
        return Finding(least, in: try W(least.setup, also: []), origin: "seed \(seed)")
    }

    /// Takes the schedules of many seeds.
    /// - Parameters:
    ///   - twice: Takes each schedule a second time, in a world of its own, and compares.
    ///   - progress: Is called now and then with how many are done, from any of the threads.
    package func run(
        seeds: Range<UInt64>, twice: Bool = false, jobs: Int = 1,
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> ScheduleReport {
        let clock = SystemTime()
        let start = clock.monotonic
        let done = Done(progress)
        let jobs = UInt64(max(1, jobs))
        var report = ScheduleReport(branches: BranchCounts(of: W.Branch.self))
        try await withThrowingTaskGroup(of: ScheduleReport.self) { group in
            for job in 0..<jobs {
                group.addTask { try part(seeds, job: job, of: jobs, twice: twice, done) }
            }
            for try await part in group { report.add(part) }
        }
        report.elapsed = clock.monotonic - start
        return report
    }

    private func part(
        _ seeds: Range<UInt64>, job: UInt64, of jobs: UInt64, twice: Bool, _ done: Done
    ) throws -> ScheduleReport {
        var report = ScheduleReport(branches: BranchCounts(of: W.Branch.self))
        let first = try setups.map { try Schedules<W>($0) }
        let second = try twice ? setups.map { try Schedules<W>($0) } : []
        for seed in seeds where seed % jobs == job {
            let schedules = first[index(of: seed)]
            let schedule = schedules.run(seed: seed)
            if twice, second[index(of: seed)].run(seed: seed).traceHash != schedule.traceHash {
                report.unequal.append(seed)
            }
            report.schedules += 1
            if let finding = Finding(schedule, in: schedules.world, origin: "seed \(seed)") {
                report.failed += 1
                report.add([(seed, finding)])
            }
            if report.schedules % 64 == 0 { done.add(64) }
        }
        done.add(report.schedules % 64)
        for schedules in first {
            report.steps += schedules.steps
            report.branches.add(schedules.branches)
        }
        return report
    }
}

/// How many schedules are done, on all threads.
private final class Done: Sendable {
    private let count = Mutex(0)
    private let progress: @Sendable (Int) -> Void

    init(_ progress: @escaping @Sendable (Int) -> Void) {
        self.progress = progress
    }

    func add(_ more: Int) {
        progress(
            count.withLock { count in
                count += more
                return count
            })
    }
}
