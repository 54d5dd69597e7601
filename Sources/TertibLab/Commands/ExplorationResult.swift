import ModelChecker
import TertibCore
import TertibTerminal

/// Everything that can happen in some small worlds.
struct ExplorationResult {
    let worlds: [SearchResult]
    /// Where the first violation was written.
    let file: String?
    /// How often each rare branch of worlds of consumers has to be taken.
    let rare: Int

    /// Those of worlds of consumers, the only ones that a minimum is asked of.
    private var branches: BranchCounts {
        var branches = BranchCounts(of: ConsumerBranch.self)
        for world in worlds where world.branches.names == branches.names { branches.add(world.branches) }
        return branches
    }

    private var missing: [String] { branches.rarer(than: rare) }
    private var violations: Int { worlds.count { $0.finding != nil } }
    private var states: Int { worlds.reduce(0) { $0 + $1.states } }
    private var transitions: Int { worlds.reduce(0) { $0 + $1.transitions } }
    private var seconds: Double { worlds.reduce(0) { $0 + $1.seconds } }

    var isRight: Bool { violations == 0 && missing.isEmpty && worlds.allSatisfy(\.isRight) }

    /// What `--json` prints.
    var document: JSONValue {
        [
            "engine": "explorer", "exhaustive": true, "worlds": .array(worlds.map(\.document)),
            "states": .number(states), "transitions": .number(transitions), "seconds": Self.rounded(seconds),
            "violations": .number(violations), "rareBranches": branches.document, "rare": .number(rare),
            "missedBranches": .texts(missing), "replay": .text(file),
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
                .init(world.world, world.finding == nil ? .plain : .bad), .init(Words.count(world.states)),
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
        for finding in worlds.compactMap(\.finding) { lines += self.lines(of: "The shortest schedule:", "\(finding)") }
        let verdict =
            isRight
            ? "Everything that can happen was explored, and no oracle objected."
            : "\(Words.count(violations, "world")) failed, \(Words.count(missing.count)) rare branches were reached fewer "
                + "than \(Words.count(rare, "time"))."
        return lines + [TextStyle.bold.apply(verdict, on: terminal)]
    }

    /// The schedule to a violation, and the command that replays it.
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

extension SearchResult {
    fileprivate var document: JSONValue {
        .object([
            .init(key: "world", value: .string(world)), .init(key: "states", value: .number(states)),
            .init(key: "transitions", value: .number(transitions)),
            .init(key: "statesAtRest", value: .number(statesAtRest)), .init(key: "depth", value: .number(depth)),
            .init(key: "seconds", value: ExplorationResult.rounded(seconds)),
            .init(key: "complete", value: .bool(isRight)),
            .init(key: "violations", value: .texts(finding.map { ["\($0.violation)"] } ?? [])),
        ])
    }
}

extension BranchCounts {
    fileprivate var document: JSONValue {
        .object(all.map { .init(key: $0.name, value: .number($0.count)) })
    }

    fileprivate func table(missing: [String]) -> Table {
        var table = Table([.text("rare branch"), .number("reached")])
        for branch in all {
            let style: TextStyle = missing.contains(branch.name) ? .bad : .plain
            table.add([.init(branch.name), .init(Words.count(branch.count), style)])
        }
        return table
    }
}
