import ShopDemo

extension DemoReport {
    /// What `--json` prints.
    var document: JSONValue {
        .object(
            [
                .init(key: "seed", value: .seed(seed)), .init(key: "replicas", value: .number(replicas)),
                .init(key: "store", value: .string(store.rawValue)),
                .init(
                    key: "events",
                    value: ["published": .number(events.published), "foreign": .number(events.foreign)]),
                .init(key: "outcomes", value: outcomes.document), .init(key: "faults", value: faults.document),
                .init(key: "baseline", value: baseline.document(withMode: true)),
                .init(key: "tutorial", value: tutorial.document(withMode: false)),
                .init(key: "tertib", value: tertib.document(withMode: false)),
                .init(key: "problems", value: .array(problems.map { .string($0) })),
            ] + (folder.map { [.init(key: "folder", value: .string($0))] } ?? [])
                + [.init(key: "seconds", value: .double(seconds))])
    }

    /// What people see: what was done, a table, and the verdict in two lines.
    func lines(for terminal: Terminal) -> [String] {
        var table = Table([.text(""), .number("rows compared"), .number("wrong"), .number("stuck deliveries")])
        for (name, outcome) in [
            ("with Tertib", tertib), ("last write wins", baseline), ("the tutorials' check", tutorial),
        ] {
            let isRight = outcome.inconsistentRows == 0
            table.add([
                .init(name, .bold), .init(Words.count(outcome.rows)),
                .init(Words.count(outcome.inconsistentRows), isRight ? .good : .bad),
                .init(outcome.stuckEvents.map { Words.count($0) } ?? "-"),
            ])
        }
        var lines = [
            "\(Words.count(events.published, "event")) of the services and \(Words.count(events.foreign)) of their "
                + "suppliers in \(seconds) s on \(store.name), seed \(seed):",
            "\(Words.count(outcomes.applied)) applied, \(Words.count(outcomes.stale)) stale, "
                + "\(Words.count(outcomes.held)) held, \(Words.count(outcomes.parked)) parked, "
                + "\(Words.count(outcomes.repaired)) repaired, \(Words.count(outcomes.conflicts)) conflicts.", "",
        ]
        lines += table.lines(for: terminal)
        lines.append("")
        lines += problems.map { TextStyle.bad.apply("wrong: ", on: terminal) + SafeText.escaped($0) }
        if let folder { lines.append("Databases and logs are in \(SafeText.escaped(folder)).") }
        let verdict = verdict.split(separator: "\n").map(String.init)
        lines.append(TextStyle.bold.apply(verdict[0], on: terminal))
        return lines + verdict.dropFirst()
    }
}

extension DemoReport.Outcomes {
    fileprivate var document: JSONValue {
        [
            "applied": .number(applied), "stale": .number(stale), "held": .number(held), "parked": .number(parked),
            "repaired": .number(repaired), "conflicts": .number(conflicts),
        ]
    }
}

extension DemoReport.Faults {
    fileprivate var document: JSONValue {
        [
            "kills": .number(kills), "duplicates": .number(duplicates), "brokerRestarts": .number(brokerRestarts),
        ]
    }
}

extension DemoReport.Outcome {
    fileprivate func document(withMode: Bool) -> JSONValue {
        let mode: [JSONValue.Member] = withMode ? [.init(key: "mode", value: .text(mode))] : []
        let stuck: [JSONValue.Member] = stuckEvents.map { [.init(key: "stuckEvents", value: .number($0))] } ?? []
        let later: [JSONValue.Member] =
            secondsAfterRest.map { [.init(key: "secondsAfterRest", value: .double($0))] } ?? []
        return .object(
            mode + [
                .init(key: "rows", value: .number(rows)),
                .init(key: "inconsistentRows", value: .number(inconsistentRows)),
            ] + stuck + later)
    }
}

extension JSONValue {
    /// A seed: a number while every reader of JSON keeps it exact, else text.
    fileprivate static func seed(_ seed: UInt64) -> JSONValue {
        seed < 1 << 53 ? .integer(Int64(seed)) : .string(String(seed))
    }
}

extension JSONValue: ExpressibleByDictionaryLiteral {
    init(dictionaryLiteral members: (String, JSONValue)...) {
        self = .object(members.map { Member(key: $0.0, value: $0.1) })
    }
}
