import ArgumentParser
import TertibLab

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
