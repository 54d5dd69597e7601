import ArgumentParser
import Foundation
import Logging
import TertibRuntime
import TertibConfiguration
import TertibCore
import TertibTerminal

/// What every verb takes.
struct CommonOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The configuration of the service; TERTIB_CONFIG when it is left out.", valueName: "file"),
        completion: .file(extensions: ["json"]))
    var config: String?

    @OptionGroup
    var output: OutputOptions

    /// The configuration file to read.
    func configurationPath() throws -> String {
        if let config { return config }
        if let path = ProcessInfo.processInfo.environment["TERTIB_CONFIG"], !path.isEmpty { return path }
        throw Failure(
            status: .unusable, code: "arguments", what: "no configuration is named",
            why: "the verb works for one service, which its configuration describes",
            next: "Name the file with --config FILE, or in the variable TERTIB_CONFIG.")
    }

    /// Reads the configuration.
    func load() throws -> ServiceConfiguration { try ServiceConfiguration.load(try configurationPath()) }
}

/// How every verb prints.
struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Print one JSON document on standard output.")
    var json = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Log from this level on. By default replicate logs what the configuration says, other verbs errors.",
            valueName: "level"))
    var logLevel: LogLevelArgument?

    /// The logger of a verb: the level asked for, else `fallback`.
    func logger(_ configuration: ServiceConfiguration, fallback: Logger.Level) -> Logger {
        let format = configuration.log.format
        // A terminal may show a line of progress, which a line of the log replaces.
        let start = Console.standard.error.isInteractive ? "\r\u{1B}[K" : ""
        var logger = Logger(label: "tertib") { label in
            LineLogHandler(label: label, format: format) { Console.send(start + $0, to: STDERR_FILENO) }
        }
        logger.logLevel = logLevel?.level ?? fallback
        for warning in configuration.warnings {
            logger.warning(
                "the configuration asks for attention",
                metadata: [
                    "tertib.setting": "\(warning.summary)", "tertib.reason": "\(warning.reason)",
                    "tertib.advice": "\(warning.advice)",
                ])
        }
        return logger
    }
}

/// A level to log from.
enum LogLevelArgument: String, ExpressibleByArgument, CaseIterable {
    case trace, debug, info, notice, warning, error, critical

    var level: Logger.Level {
        switch self {
        case .trace: .trace
        case .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error: .error
        case .critical: .critical
        }
    }
}

/// One service, opened for a verb.
struct OpenedService {
    let configuration: ServiceConfiguration
    let tertib: EventBus

    /// Opens the service of a configuration for a look, and closes it after `body`.
    static func with<Result>(
        _ common: CommonOptions, _ body: (OpenedService) async throws -> Result
    ) async throws -> Result {
        try await with(try common.load(), common.output, body)
    }

    /// Opens a service for a look, and closes it after `body`.
    static func with<Result>(
        _ configuration: ServiceConfiguration, _ output: OutputOptions, _ body: (OpenedService) async throws -> Result
    ) async throws -> Result {
        let context = RuntimeContext(
            logger: output.logger(configuration, fallback: .error))
        let tertib = try await EventBus.open(configuration: configuration, context: context)
        do {
            let tertib = try await tertib.addingReplica(context)
            let result = try await body(OpenedService(configuration: configuration, tertib: tertib))
            await tertib.close()
            return result
        } catch {
            await tertib.close()
            throw error
        }
    }
}

extension EventBus {
    /// The consumer that `replicate` runs when the configuration has none: all types, with the default settings.
    static func replicaSettings() throws -> ConsumerSettings { ConsumerSettings(name: try ConsumerName("replica")) }

    /// The same service, with the consumer that `replicate` has run in its database although the configuration has
    /// none.
    fileprivate func addingReplica(_ context: RuntimeContext) async throws -> EventBus {
        let name = try Self.replicaSettings().name
        guard options.consumers.isEmpty, try await store.read({ try $0.consumers()[name] }) != nil else { return self }
        return try EventBus(options: try options.withReplica(), log: log, store: store, context: context)
    }
}

extension EventBusOptions {
    /// The same options, with the consumer that `replicate` runs when they have none.
    func withReplica() throws -> EventBusOptions {
        guard consumers.isEmpty else { return self }
        var options = self
        let replica = try EventBus.replicaSettings()
        options.consumers = [replica.name: replica]
        return options
    }

    /// The consumer of that name, or the only one.
    func onlyConsumer(named name: String?) throws -> ConsumerName {
        let known = consumers.keys.sorted()
        if let name {
            let wanted = try ConsumerName(name)
            guard known.contains(wanted) else { throw Failure(unknownConsumer: wanted, known: known) }
            return wanted
        }
        guard known.count == 1, let only = known.first else {
            let names = known.map(\.text).joined(separator: ", ")
            throw Failure(
                status: .unusable, code: "arguments", what: "it is not clear which consumer is meant",
                why: known.isEmpty ? "the configuration has no consumer" : "the configuration has \(names)",
                next: known.isEmpty ? "Add one to \"consumers\"." : "Name one with --consumer.")
        }
        return only
    }
}

/// A duration such as `500ms` or `1m30s`.
struct DurationArgument: ExpressibleByArgument, Hashable, Sendable {
    let duration: Duration

    init?(argument: String) {
        guard let duration = DurationText.parse(argument), duration > .zero else { return nil }
        self.duration = duration
    }

    init(_ duration: Duration) {
        self.duration = duration
    }

    var defaultValueDescription: String { DurationText.text(duration) }
}
