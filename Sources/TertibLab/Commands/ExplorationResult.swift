import TertibCore
import TertibTerminal
import TertibTesting
import TertibTerminal
import TertibCore

/// Everything that can happen in some small worlds.
struct ExplorationResult {
    let outcomes: [ExhaustiveSearch.Outcome]
    /// The worlds of relays.
    let relays: [RelaySearch.Outcome]
    /// Where the first violation was written.
    let file: String?
    /// How often each rare branch has to be met.
    let rare: Int

    private var branches: BranchCounts {
        outcomes.reduce(into: BranchCounts()) { $0.add($1.branches) }
    }

    private var missing: [ExplorerBranch] { branches.vacuous(below: rare) }
    private var worlds: [World] { outcomes.map(World.init) + relays.map(World.init) }
    private var violations: Int { worlds.count { $0.violation != nil } }
    private var states: Int { worlds.reduce(0) { $0 + $1.states } }
    private var transitions: Int { worlds.reduce(0) { $0 + $1.transitions } }
    private var seconds: Double { worlds.reduce(0) { $0 + $1.seconds } }

    var isRight: Bool { violations == 0 && missing.isEmpty && worlds.allSatisfy(\.isComplete) }

    /// What `--json` prints.
    var document: JSONValue {
        [
            "engine": "explorer", "exhaustive": true, "worlds": .array(worlds.map(\.document)),
            "states": .number(states), "transitions": .number(transitions), "seconds": Self.rounded(seconds),
            "violations": .number(violations), "rareBranches": branches.document, "rare": .number(rare),
            "missedBranches": .texts(missing.map(\.name)), "replay": .text(file),
        ]
    }

    /// What people see.
    func lines(for terminal: Terminal) -> [String] {
        var table = Table([
            .text("world"), .number("states"), .number("transitions"), .number("at rest"), .number("depth"),
            .number("seconds"),
        ])
        for world in worlds {
            table.add([
                .init(world.name, world.violation == nil ? .plain : .bad), .init(Words.count(world.states)),
                .init(Words.count(world.transitions)), .init(Words.count(world.statesAtRest)),
                .init("\(world.depth)"), .init(Self.hundredths(world.seconds)),
            ])
        }
        table.add([
            .init("together"), .init(Words.count(states)), .init(Words.count(transitions)), .init(""), .init(""),
            .init(Self.hundredths(seconds)),
        ])
        var lines = table.lines(for: terminal) + [""]
        lines += branches.table(missing: missing).lines(for: terminal) + [""]
        for finding in outcomes.compactMap(\.finding) { lines += self.lines(of: "Made smaller:", "\(finding)") }
        for finding in relays.compactMap(\.finding) { lines += self.lines(of: "The shortest way:", "\(finding)") }
        let verdict =
            isRight
            ? "Everything that can happen was explored, and no oracle objected."
            : "\(Words.count(violations, "world")) failed, \(Words.count(missing.count)) rare branches were reached fewer "
                + "than \(Words.count(rare, "time"))."
        return lines + [TextStyle.bold.apply(verdict, on: terminal)]
    }

    /// The way to a violation, and the command that replays it.
    private func lines(of title: String, _ finding: String) -> [String] {
        var lines = ["", title] + finding.split(separator: "\n").map { SafeText.escaped(String($0)) }
        if let file { lines += ["", "Run it again: tertib-lab replay \(SafeText.escaped(file))", ""] }
        return lines
    }

    fileprivate static func rounded(_ seconds: Double) -> JSONValue { .double((seconds * 100).rounded() / 100) }

    private static func hundredths(_ seconds: Double) -> String {
        let hundredths = Int((seconds * 100).rounded())
        return "\(hundredths / 100)." + (hundredths % 100 < 10 ? "0" : "") + "\(hundredths % 100)"
    }
}

/// What was explored of one world, of whichever kind.
private struct World {
    let name: String
    let states: Int
    let transitions: Int
    let statesAtRest: Int
    let depth: Int
    let seconds: Double
    let isComplete: Bool
    let violation: String?

    init(_ outcome: ExhaustiveSearch.Outcome) {
        name = outcome.world.name
        (states, transitions, statesAtRest) = (outcome.states, outcome.transitions, outcome.statesAtRest)
        (depth, seconds) = (outcome.depth, outcome.seconds)
        violation = outcome.finding.map { "\($0.violation)" }
        isComplete = !outcome.isCutOff && outcome.finding == nil
    }

    init(_ outcome: RelaySearch.Outcome) {
        name = outcome.world.name
        (states, transitions, statesAtRest) = (outcome.states, outcome.transitions, outcome.statesAtRest)
        (depth, seconds) = (outcome.depth, outcome.seconds)
        violation = outcome.finding.map { "\($0.violation)" }
        isComplete = !outcome.isCutOff && outcome.finding == nil
    }

    var document: JSONValue {
        .object([
            .init(key: "world", value: .string(name)), .init(key: "states", value: .number(states)),
            .init(key: "transitions", value: .number(transitions)),
            .init(key: "statesAtRest", value: .number(statesAtRest)), .init(key: "depth", value: .number(depth)),
            .init(key: "seconds", value: ExplorationResult.rounded(seconds)),
            .init(key: "complete", value: .bool(isComplete)),
            .init(key: "violations", value: .array(violation.map { [.string($0)] } ?? [])),
        ])
    }
}

extension BranchCounts {
    fileprivate var document: JSONValue {
        .object(ExplorerBranch.allCases.map { .init(key: $0.name, value: .number(self[$0])) })
    }

    fileprivate func table(missing: [ExplorerBranch]) -> Table {
        var table = Table([.text("rare branch"), .number("reached")])
        for branch in ExplorerBranch.allCases {
            let style: TextStyle = missing.contains(branch) ? .bad : .plain
            table.add([.init(branch.name), .init(Words.count(self[branch]), style)])
        }
        return table
    }
}
