import TertibTesting

/// What `tertib lab simulate` has to say.
struct SimulationResult {
    let report: SimulationReport
    /// The first run that failed, made smaller.
    let minimal: SimulationOutcome?
    /// Where that was written.
    let file: String?
    /// Rare branches that were met too rarely.
    let missing: [RareBranch]

    var isRight: Bool { report.isRight && missing.isEmpty }

    /// What `--json` prints.
    var document: JSONValue {
        .object(
            [
                .init(key: "engine", value: "runtime"), .init(key: "schedules", value: .number(report.schedules)),
                .init(
                    key: "schedulesPerSecond",
                    value: .double((report.schedulesPerSecond * 10).rounded() / 10)),
                .init(key: "steps", value: .number(report.steps)),
                .init(key: "virtualSeconds", value: .seconds(report.simulated)),
                .init(key: "violations", value: .number(report.failed)),
                .init(key: "unequal", value: .array(report.unequal.map { .integer(Int64(clamping: $0)) })),
                .init(
                    key: "rareBranches",
                    value: .object(
                        RareBranch.allCases.map {
                            .init(key: $0.rawValue, value: .number(report.branches[$0, default: 0]))
                        })),
                .init(key: "missedBranches", value: .array(missing.map { .string($0.rawValue) })),
                .init(
                    key: "failures",
                    value: .array(
                        report.failures.map { failure in
                            failure.document(seed: failure.plan.options.seed, withTimeline: false)
                        })),
            ]
                + (file.map { [.init(key: "replay", value: .string($0))] } ?? []))
    }

    /// What people see.
    func lines(for terminal: Terminal) -> [String] {
        let rate = Words.count(Int(report.schedulesPerSecond.rounded()))
        var lines = [
            "\(Words.count(report.schedules, "schedule")) of the real consumer and relay, \(rate)/s: "
                + "\(Words.count(report.steps, "choice")), \(Words.duration(report.simulated)) of virtual time.", "",
        ]
        var table = Table([.text("rare branch"), .number("met")])
        for branch in RareBranch.allCases {
            let style: TextStyle = missing.contains(branch) ? .bad : .plain
            table.add([.init(branch.rawValue), .init(Words.count(report.branches[branch, default: 0]), style)])
        }
        lines += table.lines(for: terminal) + [""]
        if let minimal { lines += story(of: minimal, for: terminal) }
        if !report.unequal.isEmpty {
            lines.append("Seeds whose second run was another: \(report.unequal)")
        }
        let verdict =
            isRight
            ? "No oracle objected."
            : "\(Words.count(report.failed, "schedule")) failed, \(Words.count(missing.count)) rare branches missed."
        return lines + [TextStyle.bold.apply(verdict, on: terminal)]
    }

    private func story(of minimal: SimulationOutcome, for terminal: Terminal) -> [String] {
        var lines = report.failures.map { failure in
            let first = failure.violations.first.map(\.description) ?? ""
            return "seed \(failure.plan.options.seed)  " + SafeText.escaped(first)
        }
        lines += ["", "The first of them, made smaller:"]
        lines += minimal.story.suffix(60).map { SafeText.escaped($0) }
        if let file { lines += ["", "Run it again: tertib lab simulate --replay \(file)", ""] }
        return lines
    }
}

extension SimulationOutcome {
    /// The hash of the trace, in hexadecimal.
    var traceName: String { String(traceHash, radix: 16) }

    func document(seed: UInt64, withTimeline: Bool) -> JSONValue {
        .object(
            [
                .init(key: "seed", value: .integer(Int64(clamping: seed))),
                .init(key: "trace", value: .string(traceName)),
                .init(key: "steps", value: .number(steps)),
                .init(key: "violations", value: .array(violations.map { .string($0.description) })),
            ] + (withTimeline ? [.init(key: "timeline", value: .array(timeline.map { .string($0) }))] : []))
    }
}
