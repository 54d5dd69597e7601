import ArgumentParser
import TertibTerminal
import TertibTesting

/// `tertib-lab simulate`
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run the real consumer and relay under seeded schedules, with oracles at every step.",
        discussion: """
            Each seed stands for a small world: replicas, events, faults, and the order in which they take their steps. \
            The code that runs is that of production, on a broker, a database and a clock in memory; nothing waits in \
            real time. The same seed is the same run, choice by choice.

              tertib-lab simulate --seeds 0..10000
              tertib-lab simulate --seeds 7..8 --trace     # what happens, line by line
              tertib-lab simulate --every-call             # each call fails once

            A run that fails is made smaller, printed as a timeline, and written to a file for `tertib-lab replay`. The \
            command ends with 1 when an oracle objected, when a second run of a seed was not equal to the first \
            (--twice), or when a rare branch of the code was reached too rarely, so that the runs prove little.
            """)

    @OptionGroup
    var schedules: ScheduleOptions

    @Flag(name: .long, help: "Run a small scenario once for each of its calls to store and broker, which fails.")
    var everyCall = false

    @OptionGroup
    var failureFile: FailureFileOption

    @OptionGroup
    var result: ResultOptions

    func validate() throws {
        guard (schedules.seeds != nil) != everyCall else {
            throw ValidationError("Give one of --seeds and --every-call.")
        }
        try schedules.validate(json: result.json)
    }

    func run() async throws {
        let console = Console.standard
        try failureFile.check()
        let runs = try await traces(console)
        let bar = ProgressBar("Simulating", unit: "schedules")
        let report = try await report(bar)
        bar.finish()
        var failures = report.failures
        // These all have one seed, and come in the order in which threads were done with them.
        if everyCall { failures.sort { $0.call < $1.call } }
        var outcome = SimulationResult(
            report, failures: failures.map { SimulatedRun($0, isCall: everyCall) },
            rare: schedules.minimumOfEachBranch())
        outcome.runs = runs
        if let first = failures.first {
            let minimal = try await Simulation().minimise(first)
            outcome.minimal = minimal.story.suffix(SimulationResult.storyLimit)
            (outcome.file, outcome.fileFailure) = failureFile.save(try minimal.plan.json)
        }
        try outcome.conclude(result, hasPrintedRuns: schedules.trace, console)
    }

    private func report(_ bar: ProgressBar) async throws -> SimulationReport {
        guard let seeds = schedules.seeds else {
            return try await Simulation().failEveryCall(jobs: schedules.threads) { done, total in
                bar.update(UInt64(done), of: UInt64(total))
            }
        }
        return try await Simulation().run(seeds: seeds.range, twice: schedules.twice, jobs: schedules.threads) { done in
            bar.update(UInt64(done), of: UInt64(seeds.count))
        }
    }

    /// Everything that happens in each run: printed at once, or kept for the document.
    private func traces(_ console: Console) async throws -> [SimulatedRun] {
        guard schedules.trace, let seeds = schedules.seeds else { return [] }
        var runs: [SimulatedRun] = []
        for seed in seeds.range {
            let outcome = try await Simulation().run(seed: seed, keepsTimeline: true)
            let run = SimulatedRun(outcome, keepsTimeline: result.json)
            if result.json { runs.append(run) } else { run.print(outcome.timeline, console) }
        }
        return runs
    }
}

extension SimulationOutcome {
    /// The kind of the call that failed, and its number.
    fileprivate var call: (String, Int) {
        let last = plan.disturbances.last
        return (last?.kind.rawValue ?? "", last?.nth ?? 0)
    }
}
