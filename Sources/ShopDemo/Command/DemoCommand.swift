public import ArgumentParser
import Foundation
import TertibCore
import TertibLab
import TertibTerminal

/// The program `shop-demo`.
public enum DemoTool {
    static let commandLine = CommandLineTool(DemoCommand.self) { Failure(unexpected: $0) }

    /// Runs the command line of this process and returns its exit status.
    public static func run() async -> Int32 { await commandLine.run() }
}

/// `shop-demo`
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shop-demo", abstract: "Run a small shop under faults, with and without Tertib.",
        discussion: """
            Three services (catalog, orders, payments), each with a database of its own and several processes, \
            do business over a nats-server of the demo's own. Meanwhile processes are killed with \
            `kill -9`, the broker too, and everything comes again. In the end every copy of a row is compared with \
            its owner's, and the stock is counted.

              shop-demo                              # about half a minute
              shop-demo --replicas 8 --seed 42       # the same load and the same faults for the same seed
              shop-demo --store postgres             # on a PostgreSQL server of its own, a database a service
              shop-demo --keep --json > demo.json    # leave databases and logs behind to look at

            What goes wrong is real:
              order       each service's processes share one JetStream consumer, which deals an aggregate's events \
            to them one by one; besides, suppliers (played by the demo itself) publish their `offer` events out of \
            version order straight to the stream.
              duplicates  every tenth offer, and one of twenty events of the services, is stored by the stream a \
            second time (its id spelled with one byte percent-encoded, so that the broker's own duplicate check \
            does not notice); killed processes and the broker's restart add redeliveries.
              kills       of a service's process and of the two wrong ways' with the same number, at moments drawn \
            from the seed; each comes back after a fraction of a second.

            The two wrong ways run beside it, as many processes each, on the same stream with the same faults, and \
            keep a copy of products and offers: `last write wins` overwrites the row with whatever comes; the \
            tutorials' check wants `row version == event version - 1`, else it throws and waits for redelivery. \
            Their numbers are counted when nothing moves any more, or 15 seconds after the shop has come to rest \
            (30 for last write wins). \
            What a killed process had counted since its last report, a fifth of a second at most, is missing from \
            the outcomes.

            It ends with 0 when no row of the shop is wrong, and with 1 otherwise.
            """)

    @Option(name: .long, help: ArgumentHelp("Processes of each service, from 1 to 16.", valueName: "n"))
    var replicas = 4

    @Option(
        name: .long, help: ArgumentHelp("Events that the services publish at least, from 100.", valueName: "n"))
    var events = 5000

    @Option(
        name: .long,
        help: ArgumentHelp("What load and faults are drawn from; a new one each time when left out.", valueName: "n"))
    var seed: UInt64?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Where services and wrong ways keep their data: sqlite (a file each) or postgres (a database each on a "
                + "server that is started for it, and needs the package postgresql).", valueName: "kind"))
    var store = DemoStore.sqlite

    @Flag(name: .long, help: "Leave the folder with databases and logs behind.")
    var keep = false

    @OptionGroup
    var result: ResultOptions

    func validate() throws {
        guard (1...16).contains(replicas) else { throw ValidationError("--replicas takes a number from 1 to 16.") }
        guard (100...1_000_000).contains(events) else {
            throw ValidationError("--events takes a number from 100 to 1,000,000.")
        }
    }

    func run() async throws {
        let console = Console.standard
        let progress = StatusLine(console: console, isSilent: result.json)
        let report = try await report(progress)
        progress.finish()
        result.write(report.document, lines: report.lines, to: console)
        if !report.isRight { throw ExitStatus.wrong.code }
    }

    /// Runs the demo; Ctrl-C ends it in order.
    private func report(_ progress: StatusLine) async throws -> DemoReport {
        defer { progress.finish() }
        let environment = ProcessInfo.processInfo.environment
        do {
            let options = DemoOptions(
                replicas: replicas, events: events, seed: seed ?? .random(in: 0...9_999_999), keepsFiles: keep,
                programFolder: Programs.ownFolder(),
                broker: try Programs.broker(environment: environment), store: store, environment: environment)
            progress.begin(
                "A shop of three services with \(Words.count(replicas, "process", "processes")) each, and two wrong "
                    + "ways beside it, on \(options.store.name); seed \(options.seed).")
            let demo = Demo(options) { progress.show($0.line, phase: $0.phase) }
            let report = try await Interruption.cancelling { try await demo.run() }
            guard let report else {
                throw Failure.interrupted(
                    "the demo was interrupted",
                    next: "Run it again: `--seed \(options.seed)` gives the same load and the same faults.")
            }
            return report
        } catch let error as DemoError {
            throw Failure(
                status: error.isUnusable ? .unusable : .wrong, code: "demo", what: error.what, why: error.why,
                next: error.advice)
        }
    }
}

extension DemoStore: ExpressibleByArgument {}

extension DemoProgress {
    /// `12 s  load and faults  4,120 events  5,310 applied  212 stale  401 held  380 parked  12 repaired  5 kills`
    fileprivate var line: String {
        let numbers = [
            (published, "events"), (outcomes.applied, "applied"), (outcomes.stale, "stale"), (outcomes.held, "held"),
            (outcomes.parked, "parked"), (outcomes.repaired, "repaired"), (faults.kills, "kills"),
        ]
        let words = numbers.map { "\(Words.count($0.0)) \($0.1)" }.joined(separator: "  ")
        return "\(elapsed.components.seconds) s  \(phase)  \(words)"
    }
}

extension DemoReport {
    /// What `--json` prints.
    fileprivate var document: JSONValue {
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
                .init(key: "problems", value: .texts(problems)),
            ] + (folder.map { [.init(key: "folder", value: .string($0))] } ?? [])
                + [.init(key: "seconds", value: .double(seconds))])
    }

    /// What people see: what was done, a table, and the verdict in two lines.
    fileprivate func lines(for terminal: Terminal) -> [String] {
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
