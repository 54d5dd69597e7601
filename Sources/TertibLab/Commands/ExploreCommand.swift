import ArgumentParser
import ModelChecker
import TertibTerminal

/// `tertib-lab explore`
struct ExploreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explore",
        abstract: "Everything that can happen in small worlds of consumers and relays, with the same oracles.",
        discussion: """
            The product's own decisions are stepped through a model of broker and database, without loops and without \
            waiting: every order of steps and every fault of a small world, or thousands of random schedules a second \
            of larger ones.

              tertib-lab explore                           # small worlds, to the end
              tertib-lab explore --long                    # larger ones too: minutes
              tertib-lab explore --world "two relays"      # some of them
              tertib-lab explore --seeds 0..100000         # random schedules

            The shortest way to a violation is printed, and written to a file for `tertib-lab replay`. The command ends \
            with 1 when an oracle objected, when a second run of a seed was not equal to the first (--twice), or when a \
            rare branch of the code was reached too rarely, so that the schedules prove little.
            """)

    @Flag(name: .long, help: "Explore larger worlds too, for minutes and with gigabytes of memory.")
    var long = false

    @Option(name: .long, help: ArgumentHelp("Only worlds with these words in their name.", valueName: "words"))
    var world: String?

    @OptionGroup
    var schedules: ScheduleOptions

    @OptionGroup
    var failureFile: FailureFileOption

    @OptionGroup
    var result: ResultOptions

    func validate() throws {
        guard schedules.seeds == nil || !long else { throw ValidationError("--long does not go with --seeds.") }
        try schedules.validate(json: result.json)
    }

    /// How often each rare branch has to be reached.
    var minimumOfEachBranch: Int { schedules.minimumOfEachBranch(isPartial: world != nil) }

    func run() async throws {
        let console = Console.standard
        try failureFile.check()
        if let seeds = schedules.seeds {
            try await explore(seeds, console)
        } else {
            try exploreEverything(console)
        }
    }

    // MARK: - Random schedules

    private func explore(_ seeds: SeedRange, _ console: Console) async throws {
        let exploration = RandomExploration<ConsumerWorld>(try chosen(ConsumerScenario.shapes, \.name))
        let runs = try traces(seeds, exploration, console)
        let bar = ProgressBar("Exploring", unit: "schedules")
        let report = try await exploration.run(
            seeds: seeds.range, twice: schedules.twice, jobs: schedules.threads
        ) { done in
            bar.update(UInt64(done), of: UInt64(seeds.count))
        }
        bar.finish()
        var outcome = SimulationResult(report, rare: minimumOfEachBranch)
        outcome.runs = runs
        if let first = report.failures.first, let minimal = try exploration.minimised(seed: first.seed) {
            outcome.minimal = minimal.description.split(separator: "\n").map(String.init)
            (outcome.file, outcome.fileFailure) = failureFile.save(try minimal.recording.json)
        }
        try outcome.conclude(result, hasPrintedRuns: schedules.trace, console)
    }

    private func traces(
        _ seeds: SeedRange, _ exploration: RandomExploration<ConsumerWorld>, _ console: Console
    ) throws -> [SimulatedRun] {
        guard schedules.trace else { return [] }
        var runs: [SimulatedRun] = []
        for seed in seeds.range {
            let (schedule, timeline) = try exploration.run(seed: seed)
            let run = SimulatedRun(
                seed: seed, world: schedule.setup.name, trace: String(schedule.traceHash, radix: 16),
                steps: schedule.steps.count, violations: schedule.violation.map { ["\($0)"] } ?? [],
                timeline: result.json ? timeline : nil)
            if result.json { runs.append(run) } else { run.print(timeline, console) }
        }
        return runs
    }

    // MARK: - Everything

    private func exploreEverything(_ console: Console) throws {
        let worlds = try chosen(SmallWorld.explored(long: long), \.name)
        let bar = ProgressBar("Exploring", unit: "worlds")
        var results: [SearchResult] = []
        for world in worlds {
            bar.update(UInt64(results.count), of: UInt64(worlds.count))
            results.append(try world.explore())
        }
        bar.finish()
        let found = try results.lazy.compactMap(\.finding).first?.recording.json
        let (file, failure) = found.map { failureFile.save($0) } ?? (nil, nil)
        let exploration = ExplorationResult(worlds: results, file: file, rare: minimumOfEachBranch)
        result.write(exploration.document, lines: exploration.lines, to: console)
        if let failure { console.note(failure) }
        if !exploration.isRight { throw ExitStatus.wrong.code }
    }

    private func chosen<World>(_ worlds: [World], _ name: (World) -> String) throws(Failure) -> [World] {
        let chosen = worlds.filter { candidate in world.map { name(candidate).contains($0) } ?? true }
        guard chosen.isEmpty else { return chosen }
        throw Failure(
            status: .unusable, code: "world", what: "there is no world with \"\(world ?? "")\" in its name",
            why: "the worlds are: " + worlds.map(name).joined(separator: "; "), next: "Name one of them.")
    }
}
