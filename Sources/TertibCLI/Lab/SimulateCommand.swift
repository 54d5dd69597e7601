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
            with 1 when an oracle objected, when a second run of a seed was not equal to the first (--twice), or when \
            --rare asks for rare branches and one was met less often.
            """)

    /// What runs the schedules.
    enum Engine: String, ExpressibleByArgument {
        /// The real asynchronous runtime on a seeded executor.
        case runtime
        /// The product's transactions, stepped through a model without `async`.
        case explorer
    }

    @Option(name: .long, help: ArgumentHelp("Seeds, the last one left out.", valueName: "a..b"))
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

    @Flag(name: .long, help: "Print everything that happens, a line each.")
    var trace = false

    @Flag(name: .long, help: "Run each seed twice, and compare.")
    var twice = false

    @Option(name: .long, help: ArgumentHelp("Fail when a rare branch was met less often.", valueName: "n"))
    var rare = 0

    @Option(name: .long, help: ArgumentHelp("Threads; as many as the machine has when left out.", valueName: "n"))
    var jobs: Int?

    @Option(
        name: .long,
        help: ArgumentHelp("Where a failing run is written.", valueName: "file"))
    var output = "tertib-simulation-failure.json"

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
        guard rare >= 0 else { throw ValidationError("--rare takes a number from 0.") }
    }

    func run() async throws {
        let console = Console.standard
        #if TERTIB_PLANTED_BUGS
            if let plant, let seeds { return try await runPlanted(plant, seeds, console) }
        #endif
        let isRight: Bool
        if engine == .explorer || isExplorersReplay {
            isRight = try await runExplorer(console)
        } else if (trace && seeds != nil) || replay != nil {
            isRight = try await runEach(console)
        } else {
            isRight = try await runMany(console)
        }
        if !isRight { throw ExitCode(ExitStatus.wrong.rawValue) }
    }

    // MARK: - Many seeds

    private func runMany(_ console: Console) async throws -> Bool {
        let bar = ProgressBar("Simulating", unit: "schedules")
        let report = try await report(bar)
        bar.finish()
        let least = report.failures.first
        let minimal = try await least.asyncMap { try await Simulation().minimise($0) }
        let file = try minimal.map { try write(try $0.plan.json) }
        let result = SimulationResult(
            report: report, minimal: minimal, file: file, missing: report.vacuous(below: rare))
        if json {
            console.write(result.document)
        } else {
            for line in result.lines(for: console.output) { console.write(line) }
        }
        return result.isRight
    }

    private func report(_ bar: ProgressBar) async throws -> SimulationReport {
        let threads = jobs ?? max(1, ProcessInfo.processInfo.activeProcessorCount)
        guard let seeds = seeds?.range else {
            return try await Simulation().failEveryCall(jobs: threads) { done, total in
                bar.update(UInt64(done), of: UInt64(total))
            }
        }
        return try await Simulation().run(seeds: seeds, twice: twice, jobs: threads) { done in
            bar.update(UInt64(done), of: UInt64(seeds.count))
        }
    }

    func write(_ json: [UInt8]) throws -> String {
        do {
            try Data(json).write(to: URL(fileURLWithPath: output))
        } catch {
            throw Failure(
                status: .wrong, code: "simulation-file", what: "a failing run could not be written to \(output)",
                why: "\(error.localizedDescription)", next: "Name another file with --output.")
        }
        return output
    }

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

    // MARK: - Single runs

    private func runEach(_ console: Console) async throws -> Bool {
        var isRight = true
        var documents: [JSONValue] = []
        for plan in try plans() {
            let outcome = try await Simulation().run(plan, keepsTimeline: true)
            isRight = isRight && outcome.violations.isEmpty
            if json {
                documents.append(outcome.document(seed: plan.options.seed, withTimeline: trace))
                continue
            }
            console.write("seed \(plan.options.seed)")
            for line in trace ? outcome.timeline : outcome.story { console.write(SafeText.escaped(line)) }
            for violation in outcome.violations {
                console.write(TextStyle.bad.apply("wrong: ", on: console.output) + SafeText.escaped("\(violation)"))
            }
            console.write(
                "\(Words.count(outcome.steps, "choice")) in \(Words.duration(outcome.duration)) of virtual time, trace "
                    + outcome.traceName)
        }
        if json { console.write(documents.count == 1 ? documents[0] : .array(documents)) }
        return isRight
    }

    private func plans() throws -> [SimulationPlan] {
        if let seeds { return seeds.range.map { SimulationPlan(SimulationOptions(seed: $0)) } }
        guard let replay else { return [] }
        do {
            return [try SimulationPlan(json: Array(try Data(contentsOf: URL(fileURLWithPath: replay))))]
        } catch {
            throw Self.unusable(replay, error)
        }
    }

    static func unusable(_ replay: String, _ error: any Error) -> Failure {
        Failure(
            status: .unusable, code: "replay", what: "\(replay) cannot be replayed", why: Self.words(error),
            next: "Give a file that `tertib lab simulate` has written.")
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "it has no \(key.stringValue)"
        case is DecodingError: "it is not the plan of a run"
        case let fault as SmallWorldFault: fault.description
        default: error.localizedDescription
        }
    }
}

/// `A..B`: from A on, without B.
struct SeedRange: ExpressibleByArgument, Hashable, Sendable {
    let range: Range<UInt64>

    init?(argument: String) {
        let parts = argument.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].isEmpty, let first = UInt64(parts[0]), let end = UInt64(parts[2]), first < end
        else { return nil }
        range = first..<end
    }
}

extension Optional {
    fileprivate func asyncMap<Result>(_ body: (Wrapped) async throws -> Result) async rethrows -> Result? {
        guard let self else { return nil }
        return try await body(self)
    }
}
