import TertibTesting

extension ExplorerFinding {
    /// The timeline, and the command that replays it.
    func lines(in file: String?) -> [String] {
        var lines = ["", "Made smaller:"]
        lines += description.split(separator: "\n").map { SafeText.escaped(String($0)) }
        if let file { lines += ["", "Run it again: tertib lab simulate --replay \(SafeText.escaped(file))", ""] }
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
