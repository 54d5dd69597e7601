import TertibTesting

/// What `tertib lab simulate --engine explorer --exhaustive` has to say.
struct ExhaustiveResult {
    let outcomes: [ExhaustiveSearch.Outcome]
    /// Where the first violation was written.
    let file: String?
    /// How often each rare branch has to be met.
    let rare: Int

    private var branches: BranchCounts {
        outcomes.reduce(into: BranchCounts()) { $0.add($1.branches) }
    }

    private var missing: [ExplorerBranch] { branches.vacuous(below: rare) }
    private var violations: Int { outcomes.count { $0.finding != nil } }
    private var states: Int { outcomes.reduce(0) { $0 + $1.states } }
    private var transitions: Int { outcomes.reduce(0) { $0 + $1.transitions } }
    private var seconds: Double { outcomes.reduce(0) { $0 + $1.seconds } }

    var isRight: Bool { violations == 0 && missing.isEmpty && outcomes.allSatisfy { !$0.isCutOff } }

    /// What `--json` prints.
    var document: JSONValue {
        .object(
            [
                .init(key: "engine", value: "explorer"), .init(key: "exhaustive", value: .bool(true)),
                .init(
                    key: "worlds",
                    value: .array(
                        outcomes.map { outcome in
                            .object([
                                .init(key: "world", value: .string(outcome.world.name)),
                                .init(key: "states", value: .number(outcome.states)),
                                .init(key: "transitions", value: .number(outcome.transitions)),
                                .init(key: "statesAtRest", value: .number(outcome.statesAtRest)),
                                .init(key: "depth", value: .number(outcome.depth)),
                                .init(key: "seconds", value: Self.rounded(outcome.seconds)),
                                .init(key: "complete", value: .bool(!outcome.isCutOff && outcome.finding == nil)),
                                .init(
                                    key: "violations",
                                    value: .array(outcome.finding.map { [.string("\($0.violation)")] } ?? [])),
                            ])
                        })),
                .init(key: "states", value: .number(states)), .init(key: "transitions", value: .number(transitions)),
                .init(key: "seconds", value: Self.rounded(seconds)),
                .init(key: "violations", value: .number(violations)),
                .init(key: "rareBranches", value: branches.document),
                .init(key: "missedBranches", value: .array(missing.map { .string($0.name) })),
            ]
                + (file.map { [.init(key: "replay", value: .string($0))] } ?? []))
    }

    /// What people see.
    func lines(for terminal: Terminal) -> [String] {
        var table = Table([
            .text("world"), .number("states"), .number("transitions"), .number("at rest"), .number("depth"),
            .number("seconds"),
        ])
        for outcome in outcomes {
            table.add([
                .init(outcome.world.name, outcome.finding == nil ? .plain : .bad), .init(Words.count(outcome.states)),
                .init(Words.count(outcome.transitions)), .init(Words.count(outcome.statesAtRest)),
                .init("\(outcome.depth)"), .init(Self.hundredths(outcome.seconds)),
            ])
        }
        table.add([
            .init("together"), .init(Words.count(states)), .init(Words.count(transitions)), .init(""), .init(""),
            .init(Self.hundredths(seconds)),
        ])
        var lines = table.lines(for: terminal) + [""]
        lines += branches.table(missing: missing).lines(for: terminal) + [""]
        for finding in outcomes.compactMap(\.finding) { lines += finding.lines(in: file) }
        let verdict =
            isRight
            ? "Everything that can happen was explored, and no oracle objected."
            : "\(Words.count(violations, "world")) failed, \(Words.count(missing.count)) rare branches missed."
        return lines + [TextStyle.bold.apply(verdict, on: terminal)]
    }

    private static func rounded(_ seconds: Double) -> JSONValue { .double((seconds * 100).rounded() / 100) }

    private static func hundredths(_ seconds: Double) -> String {
        let hundredths = Int((seconds * 100).rounded())
        return "\(hundredths / 100)." + (hundredths % 100 < 10 ? "0" : "") + "\(hundredths % 100)"
    }
}
