import TertibCore
import Foundation
import TertibTesting

/// Looks for a violation by runs of the simulator: the real loops, on a seeded executor.
struct SimulationHunt {
    /// From so many runs on each rare branch has to be met a hundredth as often: in fewer, one may be missed by chance.
    private static let leastForBranches = 1000

    /// Whether so many seeds, each run twice, are without a violation and each the same both times; the rare branches are
    /// counted, for a run that met too few of them says little.
    func isSilent(for count: Int, seed: UInt64) async throws -> Bool {
        let jobs = ProcessInfo.processInfo.activeProcessorCount
        let first = (seed &* 1_000_000) & 0xFFFF_FFFF
        let report = try await Simulation().run(
            seeds: first..<first + UInt64(count), twice: true, jobs: jobs,
            failureLimit: 1)
        if let failure = report.failures.first {
            let least = try await Simulation().minimise(failure)
            print("without a bug, seed \(failure.plan.options.seed):")
            print(least.story.joined(separator: "\n"))
        }
        for seed in report.unequal { print("seed \(seed) ran another way the second time") }
        let expected = count < Self.leastForBranches ? 0 : count / 100
        let missing = report.vacuous(below: expected)
        for branch in missing {
            print("\(branch.rawValue) was met \(report.branches[branch, default: 0]) times, not \(expected)")
        }
        let least = RareBranch.allCases.map { report.branches[$0, default: 0] }.min() ?? 0
        print(
            "Without a bug: \(report.schedules) runs of the simulator, each twice and equal; each of "
                + "\(RareBranch.allCases.count) rare branches at least \(least) times; \(Int(2 * report.schedulesPerSecond)) runs a second, on \(jobs) threads."
        )
        fflush(nil)
        return report.isRight && missing.isEmpty
    }

    /// After a catch, so many further runs are tried for a smaller one of the same oracle's.
    private static let furtherTries = 60

    /// The first violation among so many runs. A smaller run with the same oracle's, among some more of them, stands in
    /// for it: it takes less time to make it smaller still.
    func first(of count: Int, seed: UInt64, shrinks: Bool = true) async throws -> Prey? {
        var seeds = SeededGenerator(seed: seed)
        for number in 0..<count {
            let outcome = try await Simulation().run(seed: seeds.next() >> 16)
            guard let oracle = outcome.violations.first?.oracle else { continue }
            guard shrinks else {
                let options = outcome.plan.options
                return Prey(
                    engine: .simulator, oracle: "\(oracle)", schedules: number + 1, steps: 0,
                    place: "seed \(options.seed)",
                    timeline: "")
            }
            var smallest = outcome
            for _ in 0..<Self.furtherTries {
                let other = try await Simulation().run(seed: seeds.next() >> 16)
                guard other.violations.first?.oracle == oracle, other.plan.size < smallest.plan.size else { continue }
                smallest = other
            }
            let least = try await Simulation().minimise(smallest)
            return Prey(
                engine: .simulator, oracle: "\(oracle)", schedules: number + 1, steps: least.story.count,
                place: "seed \(smallest.plan.options.seed)", timeline: least.story.joined(separator: "\n"))
        }
        return nil
    }
}

extension SimulationPlan {
    fileprivate var size: Int { events.count + staged.count + appended.count + disturbances.count }
}
