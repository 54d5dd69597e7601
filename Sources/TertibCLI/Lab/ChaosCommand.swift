import ArgumentParser
import Foundation
import TertibLab

/// `tertib lab chaos`
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

              tertib lab chaos --minutes 1                      # a new seed each time
              tertib lab chaos --minutes 5 --seed 7 --report chaos.html
              tertib lab chaos --store postgres                 # on a PostgreSQL server of its own
              tertib lab chaos --minutes 1 --keep --json        # leave databases and logs behind to look at

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

    @Flag(name: .long, help: "Print one JSON document on standard output.")
    var json = false

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
        let status = StatusLine(console: console, isSilent: json)
        let (outcome, stopped) = try await outcome(status)
        status.finish()
        if json {
            console.write(try outcome.report.document)
        } else {
            for line in outcome.report.lines(for: console.output) { console.write(line) }
        }
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
