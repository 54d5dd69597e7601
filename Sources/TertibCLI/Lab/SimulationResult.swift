import TertibTesting

/// What `tertib lab simulate` has to say of schedules, whichever engine ran them and however many there were: one report.
struct SimulationResult {
    /// Which engine.
    let engine: SimulateCommand.Engine
    var schedules: Int
    var schedulesPerSecond: Double
    var steps: Int
    var simulated: Duration
    /// How many failed.
    var failed: Int
    /// The first of them.
    var failures: [SimulatedRun]
    /// Seeds of which a second run was another.
    var unequal: [UInt64]
    /// How often each rare branch was met.
    let branches: [(name: String, count: Int)]
    /// How often each has to be met.
    let rare: Int
    /// The first run that failed, made smaller, as a story.
    var minimal: [String]?
    /// Where that was written.
    var file: String?
    /// Why it could not be written.
    var fileFailure: Failure?
    /// The single runs; empty unless they were asked for.
    var runs: [SimulatedRun] = []

    /// Rare branches that were met too rarely.
    var missing: [(name: String, count: Int)] { branches.filter { $0.count < rare } }

    var isRight: Bool { failed == 0 && unequal.isEmpty && missing.isEmpty }

    /// What `--json` prints: the same keys always.
    var document: JSONValue {
        .object([
            "engine": .string(engine.rawValue), "schedules": .number(schedules),
            "schedulesPerSecond": .double((schedulesPerSecond * 10).rounded() / 10), "steps": .number(steps),
            "virtualSeconds": .seconds(simulated), "violations": .number(failed),
            "unequal": .array(unequal.map { .number($0) }),
            "rareBranches": .object(branches.map { .init(key: $0.name, value: .number($0.count)) }),
            "rare": .number(rare), "missedBranches": .array(missing.map { .string($0.name) }),
            "failures": .array(failures.map(\.document)),
            "minimal": minimal.map { .array($0.map { .string($0) }) } ?? .null, "replay": .text(file),
            "runs": .array(runs.map(\.document)),
        ])
    }

    /// What people see of many runs.
    func lines(for terminal: Terminal) -> [String] {
        let rate = Words.count(Int(schedulesPerSecond.rounded()))
        let (whom, steps) =
            switch engine {
            case .runtime:
                (
                    "the real consumer and relay",
                    "\(Words.count(steps, "choice")), \(Words.duration(simulated)) of virtual time"
                )
            case .explorer: ("the consumer's transactions", Words.count(steps, "step"))
            }
        return ["\(Words.count(schedules, "schedule")) of \(whom), \(rate)/s: \(steps).", ""]
            + table.lines(for: terminal) + [""] + verdict(for: terminal)
    }

    /// What people see behind runs that were told line by line: nothing in it varies from one time to the next.
    func verdict(for terminal: Terminal) -> [String] {
        var lines: [String] = []
        if schedules > 1 { lines += failures.map { SafeText.escaped("\($0.title)  \($0.violations.first ?? "")") } }
        if let minimal {
            lines += ["", "The first of them, made smaller:"] + minimal.map { SafeText.escaped($0) }
        }
        if let file { lines += ["", "Run it again: tertib lab simulate --replay \(SafeText.escaped(file))", ""] }
        if isRight { return lines + [TextStyle.bold.apply("No oracle objected.", on: terminal)] }
        var reasons: [String] = []
        if failed > 0 { reasons.append("\(Words.count(failed, "schedule")) failed.") }
        if !unequal.isEmpty {
            reasons.append("A second run was another: seeds \(unequal.map(String.init).joined(separator: ", ")).")
        }
        if !missing.isEmpty {
            let met = missing.map { "\($0.name) (\($0.count))" }.joined(separator: ", ")
            reasons.append(
                "Rare branches that were met fewer than \(Words.count(rare, "time")), so that \(schedules) schedules "
                    + "say little about them: \(met). Run more seeds, or say with --rare how often is enough.")
        }
        return lines + reasons.map { TextStyle.bold.apply($0, on: terminal) }
    }

    private var table: Table {
        var table = Table([.text("rare branch"), .number("met")])
        for branch in branches {
            table.add([.init(branch.name), .init(Words.count(branch.count), branch.count < rare ? .bad : .plain)])
        }
        return table
    }
}

extension SimulationResult {
    /// Many runs of the runtime.
    init(_ report: SimulationReport, failures: [SimulatedRun], rare: Int) {
        self.init(
            engine: .runtime, schedules: report.schedules, schedulesPerSecond: report.schedulesPerSecond,
            steps: report.steps, simulated: report.simulated, failed: report.failed, failures: failures,
            unequal: report.unequal, branches: Self.branches(report.branches), rare: rare)
    }

    /// One run of the runtime.
    init(_ outcome: SimulationOutcome, after elapsed: Duration, keepsTimeline: Bool) {
        let isWrong = !outcome.violations.isEmpty
        self.init(
            engine: .runtime, schedules: 1, schedulesPerSecond: Self.rate(elapsed), steps: outcome.steps,
            simulated: outcome.duration, failed: isWrong ? 1 : 0, failures: isWrong ? [SimulatedRun(outcome)] : [],
            unequal: [], branches: Self.branches(outcome.branches), rare: 0,
            runs: [SimulatedRun(outcome, keepsTimeline: keepsTimeline)])
    }

    /// Many schedules of the explorer.
    init(_ report: ExplorerReport, rare: Int) {
        self.init(
            engine: .explorer, schedules: report.schedules, schedulesPerSecond: report.schedulesPerSecond,
            steps: report.steps, simulated: .zero, failed: report.failed,
            failures: report.failures.map { SimulatedRun($0.finding.walk, seed: $0.seed) }, unequal: report.unequal,
            branches: Self.branches(report.branches), rare: rare)
    }

    /// One schedule of the explorer, from a file.
    init(_ run: SimulatedRun, after elapsed: Duration, file: String) {
        var failure = run
        failure.timeline = nil
        let isWrong = !run.violations.isEmpty
        self.init(
            engine: .explorer, schedules: 1, schedulesPerSecond: Self.rate(elapsed), steps: run.steps,
            simulated: .zero, failed: isWrong ? 1 : 0, failures: isWrong ? [failure] : [], unequal: [],
            branches: Self.branches(BranchCounts()), rare: 0, file: isWrong ? file : nil, runs: [run])
    }

    private static func rate(_ elapsed: Duration) -> Double { elapsed > .zero ? .seconds(1) / elapsed : 0 }

    private static func branches(_ counts: [RareBranch: Int]) -> [(name: String, count: Int)] {
        RareBranch.allCases.map { ($0.rawValue, counts[$0, default: 0]) }
    }

    private static func branches(_ counts: BranchCounts) -> [(name: String, count: Int)] {
        ExplorerBranch.allCases.map { ($0.name, counts[$0]) }
    }
}
