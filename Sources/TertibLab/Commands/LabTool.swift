import TertibCore
import ArgumentParser
import TertibTerminal
import TertibCore
import TertibRuntime
import TertibCore

/// The program `tertib-lab`: the proofs, as commands.
public enum LabTool {
    static let commandLine = CommandLineTool(LabCommand.self, explain: explain)

    /// Runs the command line of this process and returns its exit status.
    public static func run() async -> Int32 { await commandLine.run() }

    private static func explain(_ error: any Error) -> Failure {
        switch error {
        case let error as LabError:
            Failure(
                status: error.isUnusable ? .unusable : .wrong, code: "lab", what: error.what, why: error.why,
                next: error.advice)
        case let error as StoreError:
            Failure(
                status: .wrong, code: "store", what: "could not \(error.attempted)", why: error.reason,
                next: error.advice ?? "See that the database can be reached, and try again.")
        case let error as EventLogError:
            Failure(
                status: .wrong, code: "broker", what: "could not \(error.attempted)", why: error.reason,
                next: error.advice ?? "Try again.")
        default:
            Failure(unexpected: error)
        }
    }
}

/// `tertib-lab`
struct LabCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tertib-lab", abstract: "The proofs of Tertib, as commands.",
        discussion: """
            Each ends with 0 when everything held, with 1 when something did not, and with 2 when the arguments cannot \
            be used.

              tertib-lab simulate --seeds 0..1000     # the real runtime under seeded schedules
              tertib-lab explore                      # everything that can happen in small worlds
              tertib-lab chaos --minutes 1            # real processes and real faults
            """,
        groupedSubcommands: [
            CommandGroup(
                name: "In memory",
                subcommands: [SimulateCommand.self, ExploreCommand.self, ReplayCommand.self]),
            CommandGroup(
                name: "With processes, brokers and databases",
                subcommands: [
                    ChaosCommand.self, CrashesCommand.self, ReplicasCommand.self, LostUpdatesCommand.self,
                    LabWorkerCommand.self,
                ]),
        ])
}

/// `tertib-lab worker`: one replica, started by the laboratory itself.
struct LabWorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: LabWorker.verb[0], abstract: "One replica of the laboratory.", shouldDisplay: false)

    @Argument(parsing: .captureForPassthrough)
    var words: [String] = []

    func run() async throws {
        let status = await LabWorker.run(words)
        if status != 0 { throw ExitCode(status) }
    }
}

/// Which nats-server a command of the laboratory runs.
struct BrokerOption: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The nats-server to run; by default the one that TERTIB_NATS_SERVER names, else the first in PATH.",
            valueName: "path"), completion: .file())
    var natsServer: String?

    /// Its path.
    func program(in environment: [String: String]) throws -> String {
        try Programs.broker(named: natsServer, environment: environment)
    }
}
