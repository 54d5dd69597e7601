import TertibTerminal
import ArgumentParser
import Logging
import ServiceLifecycle
import TertibRuntime
import TertibConfiguration
import TertibCore
import UnixSignals

/// `tertib replicate`
struct ReplicateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replicate",
        abstract: "Run a ready-made consumer: keep the newest event of every aggregate in a table.",
        discussion: """
            It keeps tertib_replica (aggregate_type, aggregate_id, version, event_type, data) in the service's \
            database (SQLite or PostgreSQL), for services in any language. Start as many replicas on one database as you like: they share \
            the work, and each event takes effect once.

              tertib replicate --config orders.json &
              tertib replicate --config orders.json &
              sqlite3 orders.sqlite 'SELECT * FROM tertib_replica'

            A broker or a database that is away is waited for. SIGTERM or SIGINT ends it after the batch in hand, \
            with status 0.
            """)

    @Option(
        name: .long,
        help: ArgumentHelp("Which consumer of the configuration to run; the only one by default.", valueName: "name"))
    var consumer: String?

    @Flag(name: .long, help: "Take the JetStream consumer over, although it belongs to another database.")
    var takeOver = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Print what it has done as a JSON line on standard output, so often.", valueName: "duration"))
    var statsInterval: DurationArgument?

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let configuration = try common.load()
        let logger = common.output.logger(configuration, fallback: configuration.log.level)
        var options = try configuration.options.withReplica()
        let name = try options.onlyConsumer(named: consumer)
        options.consumers[name]?.takesOver = takeOver
        let replica = Replica(
            configuration: configuration, options: options, consumer: name,
            logger: logger,
            reporting: Reporting(
                console: .standard, isJSON: common.output.json, interval: statsInterval?.duration))
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: replica)], gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "tertib.lifecycle") { _ in SwiftLogNoOpLogHandler() }))
        try await group.run()
    }
}
