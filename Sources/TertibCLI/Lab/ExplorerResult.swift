import TertibTesting

/// What `tertib lab simulate --engine explorer` has to say of many schedules.
struct ExplorerResult {
    let report: ExplorerReport
    /// The first schedule that failed, made smaller.
    let least: ExplorerFinding?
    /// Where that was written.
    let file: String?
    /// Rare branches that were met too rarely.
    let missing: [ExplorerBranch]

    var isRight: Bool { report.isRight && missing.isEmpty }

    /// What `--json` prints: the keys of the other engine. No time passes in a world that has no clock.
    var document: JSONValue {
        .object(
            [
                .init(key: "engine", value: "explorer"), .init(key: "schedules", value: .number(report.schedules)),
                .init(
                    key: "schedulesPerSecond", value: .double((report.schedulesPerSecond * 10).rounded() / 10)),
                .init(key: "steps", value: .number(report.steps)),
                .init(key: "virtualSeconds", value: .double(0)),
                .init(key: "violations", value: .number(report.failed)),
                .init(key: "unequal", value: .array(report.unequal.map { .integer(Int64(clamping: $0)) })),
                .init(key: "rareBranches", value: report.branches.document),
                .init(key: "missedBranches", value: .array(missing.map { .string($0.name) })),
                .init(
                    key: "failures",
                    value: .array(report.failures.map { $0.finding.walk.document(seed: $0.seed, timeline: nil) })),
            ]
                + (file.map { [.init(key: "replay", value: .string($0))] } ?? []))
    }

    /// What people see.
    func lines(for terminal: Terminal) -> [String] {
        let rate = Words.count(Int(report.schedulesPerSecond.rounded()))
        var lines = [
            "\(Words.count(report.schedules, "schedule")) of the consumer's transactions, \(rate)/s: "
                + "\(Words.count(report.steps, "step")).", "",
        ]
        lines += report.branches.table(missing: missing).lines(for: terminal) + [""]
        lines += report.failures.map { "seed \($0.seed)  " + SafeText.escaped("\($0.finding.violation)") }
        if let least { lines += least.lines(in: file) }
        if !report.unequal.isEmpty { lines.append("Seeds whose second run was another: \(report.unequal)") }
        let verdict =
            isRight
            ? "No oracle objected."
            : "\(Words.count(report.failed, "schedule")) failed, \(Words.count(missing.count)) rare branches missed."
        return lines + [TextStyle.bold.apply(verdict, on: terminal)]
    }
}

extension ExplorerFinding {
    /// The timeline, and the command that replays it.
    func lines(in file: String?) -> [String] {
        var lines = ["", "Made smaller:"]
        lines += description.split(separator: "\n").map { SafeText.escaped(String($0)) }
        if let file { lines += ["", "Run it again: tertib lab simulate --engine explorer --replay \(file)", ""] }
        return lines
    }
}

extension BranchCounts {
    var document: JSONValue {
        .object(ExplorerBranch.allCases.map { .init(key: $0.name, value: .number(self[$0])) })
    }

    func table(missing: [ExplorerBranch]) -> Table {
        var table = Table([.text("rare branch"), .number("met")])
        for branch in ExplorerBranch.allCases {
            let style: TextStyle = missing.contains(branch) ? .bad : .plain
            table.add([.init(branch.name), .init(Words.count(self[branch]), style)])
        }
        return table
    }
}

extension ExplorerWalk {
    /// The hash of the trace, in hexadecimal.
    var traceName: String { String(traceHash, radix: 16) }

    func document(seed: UInt64?, timeline: [String]?) -> JSONValue {
        .object(
            (seed.map { [.init(key: "seed", value: .integer(Int64(clamping: $0)))] } ?? [])
                + [
                    .init(key: "world", value: .string(world.name)), .init(key: "trace", value: .string(traceName)),
                    .init(key: "steps", value: .number(count)),
                    .init(key: "violations", value: .array(violation.map { [.string("\($0)")] } ?? [])),
                ] + (timeline.map { [.init(key: "timeline", value: .array($0.map { .string($0) }))] } ?? []))
    }
}
