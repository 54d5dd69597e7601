import TertibCore
import ArgumentParser
import TertibRuntime
import TertibTerminal

/// `tertib migrate`
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Create or upgrade the tables in the service's database.",
        discussion: """
            Services do it by themselves when they start. It is safe from several processes at once, and does \
            nothing when the tables are as they should be.

              tertib migrate --config orders.json
            """)

    @OptionGroup var common: CommonOptions

    func run() async throws {
        try await OpenedService.with(common) { try await $0.tertib.store.migrate() }
        let console = Console.standard
        if common.output.json {
            console.write(["migrated": true])
        } else {
            console.write("The tables are up to date.")
        }
    }
}
