import TertibCore
import Foundation
import ModelChecker
import TertibTesting

/// Searches for a violation by runs of the simulator: the real loops, on a seeded executor.
struct SimulationSearch {
    private let options: Options

    /// After a violation, the number of further runs that are tried for a smaller one.
    private static let furtherTries = 60

    init(_ options: Options) {
        self.options = options
    }

    /// The first violation. A smaller run with the same oracle's, among some more of them, stands in for it: it takes less
    /// time to make it smaller still.
    func run() async throws -> Detection? {
        var seeds = SeededGenerator(seed: options.seed)
        for number in 0..<options.schedules {
            let outcome = try await Simulation().run(seed: seeds.next() >> 16)
            guard let oracle = outcome.violations.first?.oracle else { continue }
            var smallest = outcome
            var story: [String] = []
            if !options.isBare {
                for _ in 0..<Self.furtherTries {
                    let other = try await Simulation().run(seed: seeds.next() >> 16)
                    if other.violations.first?.oracle == oracle, other.plan.size < smallest.plan.size {
                        smallest = other
                    }
                }
                story = try await Simulation().minimise(smallest).story
            }
            return Detection(
                .simulator, oracle: "\(oracle)", schedules: number + 1, place: "seed \(smallest.plan.options.seed)",
                timeline: story)
        }
        return nil
    }
}

extension SimulationPlan {
    fileprivate var size: Int { events.count + staged.count + appended.count + disturbances.count }
}

/// Shows that nothing is found where nothing is planted, and that the rare happens.
struct CleanRun {
    private let options: Options

    /// From this many schedules or runs on each rare branch has to be taken; in fewer, one may be missed by chance.
    private static let leastSchedules = 10_000
    private static let leastRuns = 1000

    init(_ options: Options) {
        self.options = options
    }

    func succeeds() async throws -> Bool {
        let isModelClean = try checkModel()
        let isSimulatorClean = try await simulate()
        return isModelClean && isSimulatorClean
    }

    private func checkModel() throws -> Bool {
        var bare = options
        bare.isBare = true
        let search = try ConsumerSearch(bare)
        let start = ContinuousClock.now
        if let detection = try search.run() {
            print("without a bug, schedule \(detection.schedules): \(detection.oracle), in \(detection.place)")
            print(detection.timeline.joined(separator: "\n"))
            return false
        }
        let rate = Double(options.schedules) / ((ContinuousClock.now - start) / .seconds(1))
        print(
            "Without a bug: \(options.schedules) schedules of the model checker, \(search.steps) steps: nothing found; "
                + "\(Int(rate)) schedules a second.")
        let missed = options.schedules < Self.leastSchedules ? [] : search.branches.rarer(than: 20)
        if !missed.isEmpty { print("taken fewer than 20 times: \(missed.joined(separator: ", "))") }
        fflush(nil)
        return missed.isEmpty
    }

    /// A fiftieth as many runs, each twice and equal. Each rare branch has to be taken a hundredth as often.
    private func simulate() async throws -> Bool {
        let count = options.schedules / 50
        guard count > 0 else { return true }
        let jobs = ProcessInfo.processInfo.activeProcessorCount
        let first = (options.seed &* 1_000_000) & 0xFFFF_FFFF
        let report = try await Simulation().run(
            seeds: first..<first + UInt64(count), twice: true, jobs: jobs, failureLimit: 1)
        if let failure = report.failures.first {
            let least = try await Simulation().minimise(failure)
            print("without a bug, seed \(failure.plan.options.seed):")
            print(least.story.joined(separator: "\n"))
        }
        for seed in report.unequal { print("seed \(seed) ran differently the second time") }
        let expected = count < Self.leastRuns ? 0 : count / 100
        let missing = report.vacuous(below: expected)
        for branch in missing {
            print("\(branch.rawValue) was taken \(report.branches[branch, default: 0]) times, not \(expected)")
        }
        print(
            "Without a bug: \(report.schedules) runs of the simulator, each twice and equal; "
                + "\(Int(2 * report.schedulesPerSecond)) runs a second, on \(jobs) threads.")
        return report.isRight && missing.isEmpty
    }
}
