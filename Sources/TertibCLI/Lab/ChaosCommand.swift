import ArgumentParser
import Foundation
import TertibLab

/// `tertib lab chaos`
struct ChaosCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos", abstract: "Real processes, a real broker and real faults, judged from outside.",
        discussion: """
            Replicas run as processes on a nats-server and a SQLite database of their own. They apply what a foreign \
            publisher stores in disorder and with duplicates, and what they stage and append themselves. Meanwhile \
            they are killed, stopped, scaled from 1 to 8 and cut off; the broker is restarted and killed; \
            acknowledgements are lost; the disk is full for a while (as root only). Then the faults end, and when \
            everything is at rest the database and the stream are compared, by plain SQL and plain reads.

              tertib lab chaos --minutes 1                      # a new seed each time
              tertib lab chaos --minutes 5 --seed 7 --report chaos.html
              tertib lab chaos --minutes 1 --keep --json        # leave databases and logs behind to look at

            The same seed gives the same load and the same faults at the same times; what the machine makes of them \
            differs from run to run.

            It ends with 0 when nothing is wrong, and with 1 otherwise.
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
            "The nats-server to run; by default the one that TERTIB_NATS_SERVER names, else the first in PATH.",
            valueName: "path"), completion: .file())
    var natsServer: String?

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
    }

    func run() async throws {
        let console = Console.standard
        let status = StatusLine(console: console, isSilent: json)
        let outcome = try await outcome(status)
        status.finish()
        if let report { try OutputFile.write(outcome.page, to: report) }
        if json {
            console.write(try outcome.report.document)
        } else {
            for line in outcome.report.lines(for: console.output) { console.write(line) }
        }
        if !outcome.report.isRight { throw ExitCode(ExitStatus.wrong.rawValue) }
    }

    private func outcome(_ status: StatusLine) async throws -> Chaos.Outcome {
        defer { status.finish() }
        do {
            let length = Duration.seconds(minutes * 60)
            let options = ChaosOptions(
                seed: seed ?? .random(in: 0...9_999_999), length: length,
                events: events ?? Int(length / .seconds(1)) * 1000, replicas: replicas, keepsFiles: keep,
                broker: try Programs.broker(named: natsServer, environment: ProcessInfo.processInfo.environment),
                program: Programs.own())
            status.begin(
                "\(Words.count(options.events)) events in \(minutes) minutes of faults on "
                    + "\(Words.count(replicas, "replica")); seed \(options.seed).")
            let chaos = Chaos(options) { status.show($0.line, phase: $0.phase) }
            guard let outcome = try await Interruption.cancelling({ try await chaos.run() }) else {
                throw Failure(
                    status: .wrong, code: "interrupted", what: "the chaos was interrupted",
                    why: "the process was asked to stop; everything that it had started has ended",
                    next: "Run it again: `--seed \(options.seed)` gives the same load and the same faults.")
            }
            return outcome
        } catch let error as LabError {
            throw Failure(status: .wrong, code: "lab", what: error.what, why: error.why, next: error.advice)
        }
    }
}
