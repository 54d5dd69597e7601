import ArgumentParser
import Foundation
import ShopDemo
import TertibLab

/// `tertib demo`
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Run a small shop under faults, with and without Tertib.",
        discussion: """
            Three services (catalog, orders, payments), each with a database of its own and several processes, \
            do business over a nats-server of the demo's own. Meanwhile processes are killed with \
            `kill -9`, the broker too, and everything comes again. In the end every copy of a row is compared with \
            its owner's, and the stock is counted.

              tertib demo                              # about half a minute
              tertib demo --replicas 8 --seed 42       # the same load and the same faults for the same seed
              tertib demo --store postgres             # on a PostgreSQL server of its own, a database a service
              tertib demo --keep --json > demo.json    # leave databases and logs behind to look at

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
    var store = DemoStoreArgument.sqlite

    @Flag(name: .long, help: "Leave the folder with databases and logs behind.")
    var keep = false

    @Flag(name: .long, help: "Print one JSON document on standard output.")
    var json = false

    func validate() throws {
        guard (1...16).contains(replicas) else { throw ValidationError("--replicas takes a number from 1 to 16.") }
        guard (100...1_000_000).contains(events) else {
            throw ValidationError("--events takes a number from 100 to 1,000,000.")
        }
    }

    func run() async throws {
        let console = Console.standard
        let progress = StatusLine(console: console, isSilent: json)
        let report = try await report(progress)
        progress.finish()
        if json {
            console.write(report.document)
        } else {
            for line in report.lines(for: console.output) { console.write(line) }
        }
        if !report.isRight { throw ExitCode(ExitStatus.wrong.rawValue) }
    }

    /// Runs the demo; Ctrl-C ends it in order.
    private func report(_ progress: StatusLine) async throws -> DemoReport {
        let environment = ProcessInfo.processInfo.environment
        do {
            let options = DemoOptions(
                replicas: replicas, events: events, seed: seed ?? .random(in: 0...9_999_999), keepsFiles: keep,
                programFolder: Programs.ownFolder(),
                broker: try Programs.broker(environment: environment), store: store.store, environment: environment)
            progress.begin(
                "A shop of three services with \(Words.count(replicas, "process", "processes")) each, and two wrong "
                    + "ways beside it, on \(options.store.name); seed \(options.seed).")
            let demo = Demo(options) { progress.show($0.line, phase: $0.phase) }
            let report = try await Interruption.cancelling { try await demo.run() }
            guard let report else {
                throw Failure(
                    status: .wrong, code: "interrupted", what: "the demo was interrupted",
                    why: "the process was asked to stop; everything that it had started has ended",
                    next: "Run it again: `--seed \(options.seed)` gives the same load and the same faults.")
            }
            return report
        } catch let error as DemoError {
            progress.finish()
            throw Failure(
                status: error.isUnusable ? .unusable : .wrong, code: "demo", what: error.what, why: error.why,
                next: error.advice)
        } catch {
            progress.finish()
            throw error
        }
    }
}

/// A database to keep the shop's data in.
enum DemoStoreArgument: String, ExpressibleByArgument, CaseIterable {
    case sqlite, postgres

    var store: DemoStore {
        switch self {
        case .sqlite: .sqlite
        case .postgres: .postgres
        }
    }
}
