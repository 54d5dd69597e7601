import TertibRuntime
import TertibLab

extension LostUpdatesReport {
    /// What `--json` prints.
    var document: JSONValue { .array(cells.map(\.document)) }

    /// What people see.
    func lines(for terminal: Terminal) -> [String] {
        var lines = [
            "\(Words.count(options.workers)) connections at once; \(Words.count(options.orders, "order")) that two "
                + "transactions each change; \(Words.count(options.stock, "piece")) in stock.", "",
        ]
        lines += table.lines(for: terminal)
        lines.append("")
        lines += [
            "lost updates: committed, and not to be seen in the final state. wrong: something is lost, or more was "
                + "taken than there was."
        ]
        if cells.contains(where: { $0.kind == .sqlite }) {
            lines.append(
                "SQLite has one writer at a time, so that inside of one transaction nobody comes between; there, none "
                    + "means that the row is read in one transaction and written in another.")
        }
        let verdict =
            isRight
            ? "No policy has lost anything; without one \(Words.count(lostWithout, "update")) of "
                + "\(Words.count(committedWithout)) \(lostWithout == 1 ? "was" : "were") lost."
            : "\(Words.count(wrong.count, "line")) \(wrong.count == 1 ? "is" : "are") wrong although a policy was "
                + "named: report it with this table."
        return lines + [(isRight ? TextStyle.good : .bad).apply(verdict, on: terminal)]
    }

    private var withoutPolicy: [LostUpdatesCell] { cells.filter { !$0.control.isPromise } }
    private var lostWithout: Int { withoutPolicy.map(\.facts.lost).reduce(0, +) }
    private var committedWithout: Int { withoutPolicy.map(\.committed).reduce(0, +) }

    private var table: Table {
        var table = Table([
            .text("anomaly"), .text("policy"), .text("on conflict"), .text("database"), .number("attempts"),
            .number("conflicts"), .number("retries"), .number("lost updates"), .text("final state"), .text("verdict"),
            .number("ms"),
        ])
        for cell in cells {
            table.add([
                .init(cell.anomaly.rawValue), .init(cell.control.policy.name, .bold),
                .init(cell.control.reaction.rawValue), .init(cell.kind.rawValue), .init(Words.count(cell.attempts)),
                .init(Words.count(cell.conflicts)), .init(Words.count(cell.retries)),
                .init(Words.count(cell.facts.lost), cell.facts.lost == 0 ? .plain : .bad), .init(cell.facts.state),
                .init(cell.isRight ? "right" : "wrong", cell.isRight ? .good : .bad),
                .init("\(Int((cell.seconds * 1000).rounded()))"),
            ])
        }
        return table
    }
}

extension LostUpdatesCell {
    fileprivate var document: JSONValue {
        .object([
            "store": .string(store), "anomaly": .string(anomaly.rawValue), "policy": .string(control.policy.name),
            "onConflict": .string(control.reaction.rawValue), "attempts": .number(attempts),
            "conflicts": .number(conflicts), "retries": .number(retries), "lostUpdates": .number(facts.lost),
            "negativeStock": .bool(facts.isNegative), "correct": .bool(isRight), "seconds": .double(seconds),
        ])
    }
}
