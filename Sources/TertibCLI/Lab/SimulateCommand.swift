import ArgumentParser
import Foundation
import TertibCore
import TertibTesting

/// `tertib lab simulate`
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Run the real consumer and relay under seeded schedules, with oracles at every step.",
        discussion: """
            Each seed stands for a small world: replicas, events, faults, and who goes on at every step. The code that \
            runs is that of production, on a broker, a database and a clock in memory; nothing waits in real time. The \
            same seed is the same run, choice by choice.

              tertib lab simulate --seeds 0..10000
              tertib lab simulate --seeds 7..8 --trace     # what happens, line by line
              tertib lab simulate --every-call             # each call fails once
              tertib lab simulate --replay failure.json    # a run that failed

            Two engines have one set of oracles. The runtime is everything, loops and all. The explorer has no loops: it \
            steps the product's own transactions through a model of broker and database, thousands of schedules a \
            second, or, in small worlds, everything that can happen:

              tertib lab simulate --engine explorer --seeds 0..100000
              tertib lab simulate --exhaustive             # small worlds of consumers, and of relays
              tertib lab simulate --exhaustive --long      # larger ones too: minutes

            A run that fails is made smaller, told as a timeline, and written to a file that --replay takes. It ends \
            with 1 when an oracle objected, when a second run of a seed was not equal to the first (--twice), or when a \
            rare branch of the code was met too rarely, so that the runs prove little. Of 1,000 seeds and more each \
            branch has to be met once for every 1,000 seeds, unless --rare says how often, or --world leaves others out.
            """)

    /// What runs the schedules.
    enum Engine: String, ExpressibleByArgument, CaseIterable {
        /// The real asynchronous runtime on a seeded executor.
        case runtime
        /// The product's transactions, stepped through a model without `async`.
        case explorer
    }

    @Option(
        name: .long, help: ArgumentHelp("Seeds from a on, without b: one seed is 5..6.", valueName: "a..b"),
        transform: SeedRange.init)
    var seeds: SeedRange?

    @Option(name: .long, help: ArgumentHelp("Run a plan from a file.", valueName: "file"))
    var replay: String?

    @Option(
        name: .customLong("engine"),
        help: "What runs the schedules: runtime, the real code on a seeded executor, or explorer, its steps alone.")
    private var chosenEngine: Engine?

    @Flag(name: .long, help: "Explore small worlds to the end (explorer).")
    var exhaustive = false

    @Flag(name: .long, help: "Explore larger worlds too, for minutes and with gigabytes of memory (explorer).")
    var long = false

    @Option(
        name: .long, help: ArgumentHelp("Only worlds with these words in their name (explorer).", valueName: "words"))
    var world: String?

    @Flag(name: .long, help: "Run a small scenario once for each of its calls to store and broker, which fails.")
    var everyCall = false

    @Flag(name: .long, help: "Print everything that happens, a line each (with --seeds and --replay).")
    var trace = false

    @Flag(name: .long, help: "Run everything twice, and compare (with --seeds and --replay).")
    var twice = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Fail when a rare branch was met less often; for 1,000 seeds and more a thousandth of their number, else 0, "
                + "when left out.",
            valueName: "n"))
    var rare: Int?

    @Option(name: .long, help: ArgumentHelp("Threads; as many as the machine has when left out.", valueName: "n"))
    var jobs: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where a failing run is written; \(Self.defaultOutput) when left out.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var output: String?

    static let defaultOutput = "tertib-simulation-failure.json"

    @Flag(name: .long, help: "Print one JSON document on standard output.")
    var json = false

    #if TERTIB_PLANTED_BUGS
        @Option(name: .long, help: ArgumentHelp("Plant a bug, or every one of them in turn.", valueName: "name|all"))
        var plant: String?
    #endif

    /// The runtime, unless something is asked for that only the explorer does.
    var engine: Engine { chosenEngine ?? (exhaustive ? .explorer : .runtime) }

    func validate() throws {
        guard [seeds != nil, replay != nil, everyCall, exhaustive].count(where: \.self) == 1 else {
            throw ValidationError("Give one of --seeds, --replay, --every-call and --exhaustive.")
        }
        guard engine == .explorer || !exhaustive && world == nil else {
            throw ValidationError("--exhaustive and --world go with --engine explorer.")
        }
        guard exhaustive || !long else { throw ValidationError("--long goes with --exhaustive.") }
        guard engine == .runtime || !everyCall else {
            throw ValidationError("--every-call goes with --engine runtime.")
        }
        guard (1...64).contains(jobs ?? 1) else { throw ValidationError("--jobs takes a number from 1 to 64.") }
        guard rare ?? 0 >= 0 else { throw ValidationError("--rare takes a number from 0.") }
        guard rare == nil || replay == nil else {
            throw ValidationError("--rare does not go with --replay: one run meets what it meets.")
        }
        guard seeds != nil || replay != nil || !twice && !trace else {
            throw ValidationError("--twice and --trace go with --seeds and --replay.")
        }
        guard !json || !trace || seeds?.count ?? 0 <= Self.mostTraces else {
            throw ValidationError(
                "--trace with --json takes at most \(Words.count(Self.mostTraces)) seeds, which make one document.")
        }
    }

    /// Their traces together are some hundred megabytes.
    private static let mostTraces = 10_000

    /// How often each rare branch has to be met.
    var leastOfEachBranch: Int {
        if let rare { return rare }
        // A part of the worlds need not meet everything, and a few seeds do not.
        guard let seeds, world == nil else { return 0 }
        return seeds.count / 1000
    }

    /// How many threads.
    var threads: Int { jobs ?? max(1, ProcessInfo.processInfo.activeProcessorCount) }

    func run() async throws {
        let console = Console.standard
        #if TERTIB_PLANTED_BUGS
            if let plant, let seeds { return try await runPlanted(plant, seeds, console) }
        #endif
        try OutputFile.check("--output", output)
        let isExplorers = engine == .explorer || isExplorersReplay
        let isRight = try await isExplorers ? runExplorer(console) : runRuntime(console)
        if !isRight { throw ExitStatus.wrong.code }
    }

    // MARK: - The runtime

    private func runRuntime(_ console: Console) async throws -> Bool {
        if let replay { return try await runPlan(replay, console) }
        let runs = try await traces(console)
        let bar = ProgressBar("Simulating", unit: "schedules")
        let report = try await report(bar)
        bar.finish()
        var failures = report.failures
        // These all have one seed, and come in the order in which threads were done with them.
        if everyCall { failures.sort { $0.call < $1.call } }
        var result = SimulationResult(
            report, failures: failures.map { SimulatedRun($0, isCall: everyCall) }, rare: leastOfEachBranch)
        result.runs = runs
        if let first = failures.first {
            let minimal = try await Simulation().minimise(first)
            result.minimal = minimal.story.suffix(Self.storyLimit)
            (result.file, result.fileFailure) = saved(try minimal.plan.json)
        }
        return conclude(result, console)
    }

    private func report(_ bar: ProgressBar) async throws -> SimulationReport {
        guard let seeds else {
            return try await Simulation().failEveryCall(jobs: threads) { done, total in
                bar.update(UInt64(done), of: UInt64(total))
            }
        }
        return try await Simulation().run(seeds: seeds.range, twice: twice, jobs: threads) { done in
            bar.update(UInt64(done), of: UInt64(seeds.count))
        }
    }

    /// Everything that happens in each run: printed at once, or kept for the document.
    private func traces(_ console: Console) async throws -> [SimulatedRun] {
        guard trace, let seeds else { return [] }
        var runs: [SimulatedRun] = []
        for seed in seeds.range {
            let outcome = try await Simulation().run(seed: seed, keepsTimeline: true)
            let run = SimulatedRun(outcome, keepsTimeline: json)
            if json { runs.append(run) } else { tell(run, outcome.timeline, console) }
        }
        return runs
    }

    /// Runs a plan from a file. One that fails is made smaller too, and the file that it came from is left alone.
    private func runPlan(_ file: String, _ console: Console) async throws -> Bool {
        let plan: SimulationPlan
        do {
            plan = try SimulationPlan(json: Array(try Data(contentsOf: URL(fileURLWithPath: file))))
        } catch {
            throw Self.unusable(file, error)
        }
        let start = ContinuousClock.now
        let outcome = try await Simulation().run(plan, keepsTimeline: true)
        var result = SimulationResult(outcome, after: ContinuousClock.now - start, keepsTimeline: trace)
        if twice {
            let second = try await Simulation().run(plan, keepsTimeline: true)
            if (second.traceHash, second.timeline) != (outcome.traceHash, outcome.timeline) {
                result.unequal = [plan.options.seed]
            }
        }
        if !outcome.violations.isEmpty {
            let minimal = try await Simulation().minimise(outcome)
            if minimal.plan == outcome.plan {
                result.file = file
            } else {
                result.minimal = minimal.story.suffix(Self.storyLimit)
                (result.file, result.fileFailure) = saved(try minimal.plan.json, besides: file)
            }
        }
        if !json {
            for run in result.runs { tell(run, trace ? outcome.timeline : outcome.story, console) }
        }
        return conclude(result, console)
    }

    private static let storyLimit = 60

    #if TERTIB_PLANTED_BUGS
        /// Which oracle objects first to each bug, and after how many schedules.
        private func runPlanted(_ name: String, _ seeds: SeedRange, _ console: Console) async throws {
            for bug in PlantedBug.allCases where name == "all" || "\(bug)" == name {
                PlantedBug.plant(bug)
                let report = try await Simulation().run(seeds: seeds.range, jobs: jobs ?? 1, failureLimit: 1)
                let first = report.failures.first
                let verdict = first.map { "\($0.violations[0])" } ?? "SURVIVES"
                console.write("\(bug)  \(report.schedules)  \(verdict)")
            }
            PlantedBug.plant(nil)
        }
    #endif
}

extension SimulationOutcome {
    /// The kind of the call that failed, and its number.
    fileprivate var call: (String, Int) {
        let last = plan.disturbances.last
        return (last?.kind.rawValue ?? "", last?.nth ?? 0)
    }
}
