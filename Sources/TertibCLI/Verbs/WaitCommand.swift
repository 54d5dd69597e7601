import ArgumentParser
import TertibRuntime
import TertibCore
import TertibTerminal

/// `tertib wait`
struct WaitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait until a consumer has applied a version: read your writes.",
        discussion: """
            A token is what `tertib publish --json` prints: the aggregate, its id percent-encoded, and the version.

              token=$(tertib publish --config shop.json --aggregate product/42 \\
                  --type product.priced --data '{"price":1200}' --json | jq -r .token)
              tertib wait "$token" --config orders.json --timeout 10s
            """)

    @Argument(help: ArgumentHelp("Such as product/42@7.", valueName: "token"))
    var token: String

    @Option(name: .long, help: ArgumentHelp("The consumer; the only one when it is left out.", valueName: "name"))
    var consumer: String?

    @Option(name: .long, help: ArgumentHelp("How long to wait.", valueName: "duration"))
    var timeout = DurationArgument(.seconds(30))

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let token = try VersionToken(parsing: token)
        let name = try await OpenedService.with(common) { service in
            let name = try service.tertib.options.withReplica().onlyConsumer(named: consumer)
            try await service.tertib.wait(for: token, consumer: name.text, timeout: timeout.duration)
            return name
        }
        let console = Console.standard
        if common.output.json {
            console.write(
                [
                    "aggregate": .text(token.aggregate), "version": .number(token.version.number),
                    "consumer": .text(name), "reached": true,
                ])
        } else {
            console.write(SafeText.escaped("\(name) has applied version \(token.version) of \(token.aggregate)."))
        }
    }
}
