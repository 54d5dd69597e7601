import ArgumentParser
import Foundation
import TertibCore
import TertibTerminal
import TertibTesting

/// `tertib-lab crashes`
struct CrashesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crashes", abstract: "kill -9 at each crash point, on both databases, judged from outside.",
        discussion: """
            Each round has a stream and a database of its own. A process dies at a named place of the product's code, \
            without cleaning up anything, while it works off gaps; another one goes on. When everything is at rest, \
            the database and the stream are compared: nothing may be lost, and nothing may have taken effect twice.

              tertib-lab crashes
              tertib-lab crashes --rounds 1000 --seed 7
              tertib-lab crashes --store sqlite --json

            It ends with 0 when every point was reached and nothing is wrong, and with 1 otherwise.
            """)

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How many rounds, from 1 to 10000: each point on each database once, then again at a later passing.",
            valueName: "n"))
    var rounds = 40

    @Option(name: .long, help: ArgumentHelp("What loads and later passings are drawn from.", valueName: "n"))
    var seed: UInt64 = 1

    @Option(
        name: .long,
        help: ArgumentHelp("One database only; postgres is a server of its own.", valueName: "sqlite|postgres"))
    var store: String?

    @Option(name: .long, help: ArgumentHelp("So many rounds at once, from 1 to 64.", valueName: "n"))
    var atOnce = 4

    @OptionGroup
    var broker: BrokerOption

    @OptionGroup
    var result: ResultOptions

    func validate() throws {
        guard (1...10_000).contains(rounds) else { throw ValidationError("--rounds takes a number from 1 to 10000.") }
        guard (1...64).contains(atOnce) else { throw ValidationError("--at-once takes a number from 1 to 64.") }
        if let store, store != "sqlite", store != "postgres" {
            throw ValidationError("--store takes sqlite or postgres.")
        }
    }

    func run() async throws {
        let console = Console.standard
        let status = StatusLine(console: console, isSilent: result.json)
        let report = try await report(status)
        status.finish()
        try result.write(encoding: report, lines: report.lines, to: console)
        if !report.isRight { throw ExitStatus.wrong.code }
    }

    private func report(_ status: StatusLine) async throws -> CrashReport {
        defer { status.finish() }
        let environment = ProcessInfo.processInfo.environment
        let stores: [ChaosOptions.Store] =
            switch store {
            case "sqlite": [.sqlite]
            case "postgres": [.postgres]
            default: [.sqlite, .postgres]
            }
        let options = CrashRounds.Options(
            rounds: rounds, seed: seed, stores: stores, atOnce: atOnce,
            broker: try broker.program(in: environment), program: Programs.own(),
            environment: environment)
        let crashes = CrashRounds(options) { done, all in status.show("\(done) of \(all) rounds", phase: "crashes")
        }
        guard let report = try await Interruption.cancelling({ try await crashes.run() }) else {
            throw Failure.interrupted(
                "the rounds were interrupted", next: "Run them again, with --rounds for fewer.")
        }
        return report
    }
}

extension CrashReport {
    /// What people see: whatever is wrong, and the count.
    fileprivate func lines(for terminal: Terminal) -> [String] {
        var lines: [String] = []
        for round in rounds where !round.isRight {
            let place = "\(round.point):\(round.count) on \(round.store)"
            if !round.reached { lines.append("\(place) was not reached") }
            lines += round.violations.map { "\(place): \(SafeText.escaped($0.description))" }
        }
        let events = rounds.reduce(0) { $0 + $1.events }
        lines.append("\(Words.count(events, "event")) in \(seconds) s; seed \(seed).")
        let verdict = "\(right) of \(rounds.count) points: "
        return lines + [
            isRight
                ? TextStyle.good.apply(verdict + "nothing is lost, and nothing took effect twice.", on: terminal)
                : TextStyle.bad.apply(verdict + "the others are named above.", on: terminal)
        ]
    }
}
