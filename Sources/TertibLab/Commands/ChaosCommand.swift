import ArgumentParser
import Foundation
import TertibCore
import TertibTerminal
import TertibTesting

/// `tertib-lab chaos`
struct ChaosCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos", abstract: "Real processes, a real broker and real faults, judged from outside.",
        discussion: """
            Replicas run as processes on a nats-server and a database of their own. They apply what a foreign \
            publisher stores in disorder and with duplicates, and what they stage and append themselves. Meanwhile \
            they are killed, stopped, scaled from 1 to 8 and cut off; broker and database server are restarted and \
            killed; acknowledgements and the outcomes of commits are lost; the disk is full for a while (as root \
            only). Then the faults end, and when everything is at rest the database and the stream are compared, by \
            plain SQL and plain reads.

              tertib-lab chaos --minutes 1                      # a new seed each time
              tertib-lab chaos --minutes 5 --seed 7 --report chaos.html
              tertib-lab chaos --store postgres                 # on a PostgreSQL server of its own
              tertib-lab chaos --minutes 1 --keep --json        # leave databases and logs behind to look at

            The same seed gives the same load and the same faults at the same times; what the machine makes of them \
            differs from run to run.

            It ends with 0 when nothing is wrong, and with 1 otherwise. Stopped by Ctrl-C or SIGTERM, it ends what it \
            has started, removes its files, reports what it has seen until then, and ends with 130 or 143.
            """)

    @Option(name: .long, help: ArgumentHelp("How long load and faults last, from 0.1 to 600.", valueName: "n"))
    var minutes = 1.0

    @Option(
        name: .long,
        help: ArgumentHelp("What load and faults are drawn from; a new one each time when left out.", valueName: "n"))
    var seed: UInt64?

    @Option(
        name: .long,
        help: ArgumentHelp("Events to publish, about, from 100; a thousand a second when left out.", valueName: "n"))
    var events: Int?

    @Option(name: .long, help: ArgumentHelp("Replicas at the beginning and at the end, from 1 to 8.", valueName: "n"))
    var replicas = 4

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The database: sqlite, postgres for a server of its own (the package postgresql has to be installed), or "
                + "the URL of a server in which it makes a database of its own, and drops it in the end.",
            valueName: "sqlite|postgres|url"))
    var store = "sqlite"

    @OptionGroup
    var broker: BrokerOption

    @Option(
        name: .long, help: ArgumentHelp("Write a page with a picture of what happened when.", valueName: "file.html"),
        completion: .file(extensions: ["html"]))
    var report: String?

    @Flag(name: .long, help: "Leave the folder with databases and logs behind.")
    var keep = false

    @OptionGroup
    var result: ResultOptions

    func validate() throws {
        guard (0.1...600).contains(minutes) else { throw ValidationError("--minutes takes a number from 0.1 to 600.") }
        guard (1...ChaosOptions.mostReplicas).contains(replicas) else {
            throw ValidationError("--replicas takes a number from 1 to \(ChaosOptions.mostReplicas).")
        }
        if let events, !(100...50_000_000).contains(events) {
            throw ValidationError("--events takes a number from 100 to 50,000,000.")
        }
        guard chosenStore != nil else {
            throw ValidationError("--store takes sqlite, postgres, or a URL that begins with postgresql://.")
        }
    }

    private var chosenStore: ChaosOptions.Store? {
        switch store {
        case "sqlite": .sqlite
        case "postgres": .postgres
        case _ where store.hasPrefix("postgresql://") || store.hasPrefix("postgres://"): .server(url: store)
        default: nil
        }
    }

    func run() async throws {
        let console = Console.standard
        try OutputFile.check("--report", report)
        let status = StatusLine(console: console, isSilent: result.json)
        let (outcome, stopped) = try await outcome(status)
        status.finish()
        try result.write(encoding: outcome.report, lines: outcome.report.lines, to: console)
        var isRight = outcome.report.isRight
        if let report { isRight = OutputFile.isWritten(outcome.page, to: report, console) && isRight }
        if let stopped { throw ExitCode(stopped.status) }
        if !isRight { throw ExitStatus.wrong.code }
    }

    private func outcome(_ status: StatusLine) async throws -> (Chaos.Outcome, Interruption.Stopped?) {
        defer { status.finish() }
        let length = Duration.seconds(minutes * 60)
        let environment = ProcessInfo.processInfo.environment
        let options = ChaosOptions(
            seed: seed ?? .random(in: 0...9_999_999), length: length,
            events: events ?? Int(length / .seconds(1)) * 1000, replicas: replicas,
            store: chosenStore ?? .sqlite, keepsFiles: keep,
            broker: try broker.program(in: environment), program: Programs.own(),
            environment: environment)
        status.begin(
            "\(Words.count(options.events)) events in \(minutes) minutes of faults on "
                + "\(Words.count(replicas, "replica")); seed \(options.seed).")
        let chaos = Chaos(options) { status.show($0.line, phase: $0.phase) }
        return try await Interruption.stopping { try await chaos.run() }
    }
}

extension ChaosReport {
    /// What people see: what was done, what came of it, and the verdict.
    fileprivate func lines(for terminal: Terminal) -> [String] {
        var table = Table([.text("faults"), .number("times"), .text("deliveries"), .number("times")])
        let left = faultRows.map { ($0.name, Words.count($0.count)) }
        let right = outcomeRows.map { ($0.name, Words.count($0.count)) }
        for index in 0..<max(left.count, right.count) {
            let fault = index < left.count ? left[index] : ("", "")
            let outcome = index < right.count ? right[index] : ("", "")
            table.add([.init(fault.0), .init(fault.1), .init(outcome.0), .init(outcome.1)])
        }
        let rest = secondsToRest.map { ", at rest \($0) s after the faults" } ?? ""
        var lines = [
            "\(Words.count(events, "event")) of \(Words.count(aggregates, "aggregate")) in \(seconds) s\(rest); "
                + "seed \(seed).", "",
        ]
        lines += table.lines(for: terminal)
        lines.append("")
        lines += notRun.map { "not run: " + SafeText.escaped($0) }
        lines += violations.map { violation in
            TextStyle.bad.apply("\(violation.oracle): ", on: terminal) + SafeText.escaped(violation.statement)
        }
        if violationCount > violations.count { lines.append("... and \(violationCount - violations.count) more") }
        if let folder { lines.append("Databases and logs are in \(SafeText.escaped(folder)).") }
        if interrupted { lines.append("It was stopped before its end, and nothing was compared.") }
        let verdict =
            isRight && interrupted
            ? "Nothing was wrong until then."
            : isRight
                ? "Nothing is lost, nothing is applied twice, nothing is out of order."
                : "\(Words.count(violationCount, "violation")): run it again with \(command) --keep."
        return lines + [(isRight ? TextStyle.good : .bad).apply(verdict, on: terminal)]
    }
}

extension ChaosProgress {
    /// `12 s  load and faults  4,120 messages  lag 31  5 parked  8 faults  0 violations`
    fileprivate var line: String {
        var parts = [
            "\(Int(sample.at)) s", phase, "\(Words.count(sample.messages)) messages",
            "\(Words.count(sample.applied)) applied", "lag \(sample.lag.map { Words.count($0) } ?? "-")",
            "\(sample.parked.map { Words.count($0) } ?? "-") parked", Words.count(sample.replicas, "replica"),
            Words.count(faults, "fault"),
        ]
        if violations > 0 { parts.append(Words.count(violations, "violation")) }
        return parts.joined(separator: "  ")
    }
}
