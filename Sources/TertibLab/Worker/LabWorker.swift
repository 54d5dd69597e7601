import ShopService
import TertibConfiguration
import TertibRuntime
import TertibCore
import TertibTesting

/// One replica of the lab, as a process: consumes, relays, stages and appends until SIGTERM, or until its supervisor is
/// gone.
public enum LabWorker {
    /// The hidden verb that runs it.
    public static let verb = ["worker"]

    /// The options of a worker, besides those of every service of the shop.
    enum Option: String, CaseIterable {
        case attempts = "--attempts"
        case appended = "--appended"
        case way = "--way"
        /// Where it ends itself, and at the how manieth time: `SITE:N`.
        case crash = "--crash"
    }

    /// Runs. Returns the status to exit with.
    public static func run(_ words: [String]) async -> Int32 {
        let service = ShopService(
            name: "tertib-lab worker", summary: "one replica of the lab, started by `tertib-lab chaos` or `replicas`",
            others: Option.allCases.map(\.rawValue))
        return await service.run(words, open: open) { arguments, tertib in
            if let way = arguments.others[Option.way.rawValue] { return try experimentParts(way, tertib) }
            return try chaosParts(arguments, tertib)
        }
    }

    /// Opens the bus of a worker that may have to end itself at a call of log or store.
    @Sendable
    private static func open(_ arguments: ServiceArguments) async throws -> EventBus {
        let configuration = try ServiceConfiguration.load(arguments.configuration)
        let context = RuntimeContext(logger: configuration.log.makeLogger(label: "tertib"))
        let bus = try await EventBus.open(configuration: configuration, context: context)
        try await createTables(bus)
        guard let text = arguments.others[Option.crash.rawValue] else { return bus }
        let isAlive = try PlannedDeath(text).isAlive
        return try EventBus(
            options: bus.options, log: CrashingLog(bus.log, isAlive: isAlive),
            store: CrashingStore(bus.store, isAlive: isAlive), context: context)
    }

    /// Makes the tables of a worker where they are not there yet.
    static func createTables(_ tertib: EventBus) async throws {
        try await tertib.transaction { transaction in
            try LabSchema.create(transaction)
            try CopyHandler.create(transaction)
            try transaction.execute(LoadLoop.schema)
        }
    }

    private static func experimentParts(_ name: String, _ tertib: EventBus) throws -> ShopService.Parts {
        guard let mode = ExperimentMode(rawValue: name) else {
            throw ServiceArguments.Unusable(description: "\(Option.way.rawValue) \(name) is not a way")
        }
        guard let way = mode.wrongWay else {
            let consumer = try tertib.consumer(LabNames.consumer, CopyHandler.register)
            return ShopService.Parts(consumers: [LabNames.consumer: consumer])
        }
        let consumer = NaiveConsumer(
            tertib: tertib, type: ExperimentLoad.type, redelivery: ExperimentCell.redelivery,
            acknowledgementWait: ExperimentCell.acknowledgementWait
        ) { envelope, transaction in
            try CopyHandler.apply(envelope, transaction, way: way)
        }
        return ShopService.Parts(consumers: [:], services: [consumer])
    }

    private static func chaosParts(_ arguments: ServiceArguments, _ tertib: EventBus) throws -> ShopService.Parts {
        guard let path = arguments.others[Option.attempts.rawValue] else {
            throw ServiceArguments.Unusable(description: "\(Option.attempts.rawValue) FILE is missing")
        }
        let handler = LedgerHandler(attempts: try AttemptFile(path: path))
        var parts = ShopService.Parts(consumers: [
            LabNames.consumer: try tertib.consumer(LabNames.consumer, handler.register)
        ])
        if let load = arguments.load, load > 0 {
            parts.services.append(StagedLoad(seed: arguments.seed, total: load).loop(tertib, rate: arguments.rate))
        }
        if let text = arguments.others[Option.appended.rawValue] {
            guard let total = Int(text), total >= 0 else {
                throw ServiceArguments.Unusable(description: "\(text) is not a number of events")
            }
            parts.services.append(
                AppendLoop(tertib: tertib, seed: arguments.seed, total: total, rate: arguments.rate))
        }
        return parts
    }
}

/// The names that supervisor and workers share.
enum LabNames {
    static let service = "lab"
    static let consumer = "rows"
    static let durable = "\(service)-\(consumer)"
    static let stream = "LAB"
    static let namespace = "lab"
}

extension Aggregate {
    /// An aggregate by its type's name and its id.
    init(lab type: String, _ id: String) throws(IdentityError) {
        self.init(type: try AggregateType(type), id: try AggregateID(id))
    }
}
