import Foundation
import Logging
public import ServiceLifecycle
public import Tertib
import UnixSignals

/// Runs one service of the shop: arguments, configuration, tables, consumers, and an end in good order.
public struct ShopService: Sendable {
    /// What one service has that the others have not.
    public struct Parts: Sendable {
        /// Its consumers, by the names that the configuration gives them.
        public var consumers: [String: Consumer]
        /// What else runs: a loop that plays the workload, a warehouse.
        public var services: [any Service]

        /// Creates the parts.
        public init(consumers: [String: Consumer], services: [any Service] = []) {
            self.consumers = consumers
            self.services = services
        }
    }

    private let name: String
    private let summary: String
    private let others: [String]

    /// Creates a service.
    /// - Parameter name: the program's.
    /// - Parameter summary: what the service does, for its help.
    /// - Parameter others: options of this service alone, each with a value.
    public init(name: String, summary: String, others: [String] = []) {
        self.name = name
        self.summary = summary
        self.others = others
    }

    /// Runs until SIGTERM or SIGINT, then finishes what is in hand. Returns the status to exit with: 0 after an orderly
    /// end, 1 after a failure, 2 when arguments or configuration cannot be used.
    /// - Parameter open: Opens the service's end of the bus; by default as the configuration says.
    public func run(
        _ words: [String],
        open: @Sendable (ServiceArguments) async throws -> EventBus = {
            try await EventBus.open(configuration: $0.configuration)
        },
        makeParts: @Sendable (ServiceArguments, EventBus) async throws -> Parts
    ) async -> Int32 {
        do {
            guard let arguments = try ServiceArguments.parse(words, others: others) else {
                complain(help)
                return 0
            }
            let tertib = try await open(arguments)
            let parts = try await makeParts(arguments, tertib)
            try await serve(tertib, parts, arguments)
            return 0
        } catch let error as ServiceArguments.Unusable {
            complain("\(name): \(error)\nTry: \(name) --help")
            return 2
        } catch let error as ConfigurationError {
            complain("\(name): \(error)")
            return 2
        } catch {
            complain("\(name): \(error)")
            return 1
        }
    }

    private func serve(_ tertib: EventBus, _ parts: Parts, _ arguments: ServiceArguments) async throws {
        let reporter = Reporter(consumers: parts.consumers)
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = [.init(service: tertib)]
        services += (Array(parts.consumers.values) + parts.services).map { .init(service: $0) }
        if arguments.isSupervised {
            services.append(.init(service: reporter))
            services.append(
                .init(service: SupervisorWatch(), successTerminationBehavior: .gracefullyShutdownGroup))
        }
        try await ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: name))
        ).run()
        if arguments.isSupervised { reporter.write() }
    }

    private var help: String {
        """
        \(name): \(summary)

        Usage: \(name) --config FILE\(others.map { " \($0) VALUE" }.joined()) \
        [--load EVENTS [--seed N] [--rate N]] [--supervised]

          --config FILE   the service's JSON file
          --load EVENTS   play this service's share of a workload of so many events
          --seed N        where the workload is drawn from (default 1)
          --rate N        at most so many steps of it a second, in this replica (default 100)
          --supervised    report on standard output, and end when standard input ends

        Example: \(name) --config deploy/shop/\(name.dropFirst("shop-".count)).json
        """
    }

    private func complain(_ text: String) {
        // Nobody is left to tell when standard error is closed.
        try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
    }
}
