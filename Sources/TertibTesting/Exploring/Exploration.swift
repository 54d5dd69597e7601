import Synchronization
import TertibRuntime

/// The explorer as a whole: many seeds, each a schedule in one of the worlds, on several threads.
package struct Exploration: Sendable {
    /// The worlds that seeds are dealt to, in turn.
    package let worlds: [SmallWorld]

    /// Prepares schedules in these worlds.
    package init(worlds: [SmallWorld] = SmallWorld.shapes) {
        precondition(!worlds.isEmpty, "there is a world to explore")
        self.worlds = worlds
    }

    /// The world of a seed.
    package func world(of seed: UInt64) -> Int { Int(seed % UInt64(worlds.count)) }

    /// Walks the schedule of one seed.
    package func walk(seed: UInt64) throws -> (walk: ExplorerWalk, timeline: [String]) {
        let schedules = try RandomSchedules(worlds[world(of: seed)])
        let walk = schedules.walk(seed: seed)
        return (walk, schedules.timeline(of: walk))
    }

    /// Walks the schedules of many seeds.
    /// - Parameters:
    ///   - twice: Walks each seed a second time, in a model of its own, and compares.
    ///   - progress: Is called now and then with how many are done, from any of the threads.
    package func run(
        seeds: Range<UInt64>, twice: Bool = false, jobs: Int = 1,
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> ExplorerReport {
        let clock = SystemTime()
        let start = clock.monotonic
        let done = Done()
        var report = ExplorerReport()
        try await withThrowingTaskGroup(of: ExplorerReport.self) { group in
            for job in 0..<UInt64(max(1, jobs)) {
                group.addTask {
                    try await SimulationRun.onThread {
                        let own = seeds.lazy.filter { $0 % UInt64(max(1, jobs)) == job }
                        return try part(own, twice: twice) { progress(done.add($0)) }
                    }
                }
            }
            for try await part in group { report.add(part) }
        }
        report.elapsed = clock.monotonic - start
        return report
    }

    private func part(
        _ seeds: some Sequence<UInt64>, twice: Bool, progress: (Int) -> Void
    ) throws -> ExplorerReport {
        var report = ExplorerReport()
        let first = try worlds.map { try RandomSchedules($0) }
        let second = try twice ? worlds.map { try RandomSchedules($0) } : []
        for seed in seeds {
            let schedules = first[world(of: seed)]
            let walk = schedules.walk(seed: seed)
            if twice, second[world(of: seed)].walk(seed: seed).traceHash != walk.traceHash {
                report.unequal.append(seed)
            }
            report.schedules += 1
            if walk.violation != nil, let finding = schedules.finding(walk, seed: seed) {
                report.add((seed, finding))
            }
            if report.schedules % 64 == 0 { progress(64) }
        }
        progress(report.schedules % 64)
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

    func add(_ more: Int) -> Int {
        count.withLock { count in
            count += more
            return count
        }
    }
}
