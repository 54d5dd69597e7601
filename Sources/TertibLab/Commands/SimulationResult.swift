import ModelChecker
import TertibCore
import TertibTerminal
import TertibTesting

/// The result of simulated or explored schedules, however many there were.
struct SimulationResult {
    /// What ran the schedules.
    enum Engine: String {
        /// The real asynchronous runtime on a seeded executor.
        case runtime
        /// The product's decisions, stepped through a model without `async`.
        case explorer
    }

    /// Maximum number of lines of a failing run's story.
    static let storyLimit = 60

    let engine: Engine
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
        [
            "engine": .string(engine.rawValue), "schedules": .number(schedules),
            "schedulesPerSecond": .double((schedulesPerSecond * 10).rounded() / 10), "steps": .number(steps),
            "virtualSeconds": .seconds(simulated), "violations": .number(failed),
            "unequal": .array(unequal.map { .number($0) }),
            "rareBranches": .object(branches.map { .init(key: $0.name, value: .number($0.count)) }),
            "rare": .number(rare), "missedBranches": .texts(missing.map(\.name)),
            "failures": .array(failures.map(\.document)),
            "minimal": minimal.map { .texts($0) } ?? .null, "replay": .text(file),
            "runs": .array(runs.map(\.document)),
        ]
    }

    /// Prints the result.
    /// - Parameter hasPrintedRuns: Whether the runs were printed line by line already; then nothing follows that varies
    ///   from one time to the next.
    /// - Throws: The exit status, when something is wrong.
    func conclude(_ options: ResultOptions, hasPrintedRuns: Bool, _ console: Console) throws {
        options.write(document, lines: hasPrintedRuns ? verdict : lines, to: console)
        if let fileFailure { console.note(fileFailure) }
        if !isRight { throw ExitStatus.wrong.code }
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

    /// What people see after runs that were printed line by line.
    func verdict(for terminal: Terminal) -> [String] {
        var lines: [String] = []
        if schedules > 1 { lines += failures.map { SafeText.escaped("\($0.title)  \($0.violations.first ?? "")") } }
        if let minimal {
            lines += ["", "The first of them, made smaller:"] + minimal.map { SafeText.escaped($0) }
        }
        if let file { lines += ["", "Run it again: tertib-lab replay \(SafeText.escaped(file))", ""] }
        if isRight { return lines + [TextStyle.bold.apply("No oracle objected.", on: terminal)] }
        var reasons: [String] = []
        if failed > 0 { reasons.append("\(Words.count(failed, "schedule")) failed.") }
        if !unequal.isEmpty {
            reasons.append("A second run was another: seeds \(unequal.map(String.init).joined(separator: ", ")).")
        }
        if !missing.isEmpty {
            let reached = missing.map { "\($0.name) (\($0.count))" }.joined(separator: ", ")
            reasons.append(
                "Rare branches that were reached fewer than \(Words.count(rare, "time")), so that \(schedules) "
                    + "schedules say little about them: \(reached). Run more seeds, or say with --rare how often is "
                    + "enough.")
        }
        return lines + reasons.map { TextStyle.bold.apply($0, on: terminal) }
    }

    private var table: Table {
        var table = Table([.text("rare branch"), .number("reached")])
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
    init(_ report: ScheduleReport, rare: Int) {
        self.init(
            engine: .explorer, schedules: report.schedules, schedulesPerSecond: report.schedulesPerSecond,
            steps: report.steps, simulated: .zero, failed: report.failed,
            failures: report.failures.map { SimulatedRun($0.finding, seed: $0.seed) }, unequal: report.unequal,
            branches: report.branches.all, rare: rare)
    }

    /// One schedule of the explorer, from a file.
    init(_ run: SimulatedRun, after elapsed: Duration, file: String) {
        var failure = run
        failure.timeline = nil
        let isWrong = !run.violations.isEmpty
        self.init(
            engine: .explorer, schedules: 1, schedulesPerSecond: Self.rate(elapsed), steps: run.steps,
            simulated: .zero, failed: isWrong ? 1 : 0, failures: isWrong ? [failure] : [], unequal: [],
            branches: BranchCounts(of: ConsumerBranch.self).all, rare: 0, file: isWrong ? file : nil, runs: [run])
    }

    private static func rate(_ elapsed: Duration) -> Double { elapsed > .zero ? .seconds(1) / elapsed : 0 }

    private static func branches(_ counts: [RareBranch: Int]) -> [(name: String, count: Int)] {
        RareBranch.allCases.map { ($0.rawValue, counts[$0, default: 0]) }
    }
}
import TertibTerminal
import TertibCore

/// One run of either engine.
struct SimulatedRun {
    /// What it was drawn from; `nil` for one that was replayed step by step.
    var seed: UInt64?
    /// The small world it went through (explorer).
    var world: String?
    /// The call that was made to fail (`--every-call`).
    var call: Disturbance?
    /// The hash of its trace, in hexadecimal.
    let trace: String
    /// How many choices or steps there were.
    let steps: Int
    /// How long it took in virtual time; `nil` in a world that has no clock.
    var duration: Duration?
    /// What the oracles found.
    let violations: [String]
    /// What happened, a line each; `nil` when it was not asked for.
    var timeline: [String]?

    /// A member of the document: always the same keys.
    var document: JSONValue {
        [
            "seed": .number(seed), "world": .text(world), "call": call.map(\.document) ?? .null,
            "trace": .string(trace), "steps": .number(steps),
            "violations": .texts(violations),
            "timeline": timeline.map { .texts($0) } ?? .null,
        ]
    }

    /// What stands for it where several runs are listed.
    var title: String {
        [call.map(\.sentence) ?? seed.map { "seed \($0)" }, world].compactMap(\.self).joined(separator: ", ")
    }

    /// Prints the run from its beginning to its end, with these lines of what happened.
    func print(_ timeline: [String], _ console: Console) {
        for line in lines(timeline, for: console.output) { console.write(line) }
    }

    private func lines(_ timeline: [String], for terminal: Terminal) -> [String] {
        var lines = [SafeText.escaped(title)]
        let width = String(timeline.count).count
        for (index, line) in timeline.enumerated() {
            let number = String(index + 1)
            let start =
                duration == nil ? "  " + String(repeating: " ", count: width - number.count) + number + "  " : ""
            lines.append(start + SafeText.escaped(line))
        }
        lines += violations.map { TextStyle.bad.apply("wrong: ", on: terminal) + SafeText.escaped($0) }
        let length =
            duration.map { "\(Words.count(steps, "choice")) in \(Words.duration($0)) of virtual time" }
            ?? Words.count(steps, "step")
        return lines + ["\(length), trace \(trace)"]
    }
}

extension SimulatedRun {
    /// A run of the runtime.
    /// - Parameters:
    ///   - isCall: Whether it was made to fail at one call, which its plan ends with.
    ///   - keepsTimeline: Whether what happened is part of it.
    init(_ outcome: SimulationOutcome, isCall: Bool = false, keepsTimeline: Bool = false) {
        self.init(
            seed: outcome.plan.options.seed, call: isCall ? outcome.plan.disturbances.last : nil,
            trace: String(outcome.traceHash, radix: 16), steps: outcome.steps, duration: outcome.duration,
            violations: outcome.violations.map(\.description), timeline: keepsTimeline ? outcome.timeline : nil)
    }

    /// A schedule of the explorer that has failed.
    init(_ finding: Finding, seed: UInt64) {
        self.init(
            seed: seed, world: finding.recording.world.name, trace: String(finding.traceHash, radix: 16),
            steps: finding.timeline.count, violations: ["\(finding.violation)"])
    }
}

extension Disturbance {
    /// The call, and how it failed.
    fileprivate var document: JSONValue {
        ["kind": .string(kind.rawValue), "nth": .number(nth)]
    }

    /// Which call failed, and how.
    fileprivate var sentence: String {
        let number = nth.map { " \($0)" } ?? ""
        return switch kind {
        case .storeConflict: "step\(number) of a transaction fails as a conflict"
        case .storeAway: "step\(number) of a transaction fails, the database is away"
        case .conflict: "commit\(number) is rolled back as a conflict"
        case .unknownCommitted: "commit\(number) happens, and its caller does not learn it"
        case .unknownRolledBack: "commit\(number) does not happen, and its caller does not learn it"
        case .logAway: "call\(number) to the broker fails"
        default: kind.rawValue + number
        }
    }
}
