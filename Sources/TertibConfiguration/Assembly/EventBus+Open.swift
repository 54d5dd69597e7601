public import Logging
public import TertibRuntime
import TertibCore
import TertibJetStream

extension EventBus {
    /// Opens what a configuration file describes: reads and checks the file, opens the database and creates or upgrades
    /// its tables, and begins to connect to the broker.
    ///
    /// A broker that is away is no error: the consumers and the relay wait for it. The stream is created or checked in
    /// the first call that needs it.
    /// - Parameters:
    ///   - path: The file.
    ///   - logger: Where the service logs; without one, lines on standard error as the file's `log` says.
    /// - Throws: ``ConfigurationError`` when the file cannot be used (then nothing was opened), ``StoreError`` when the
    ///   database cannot be opened, ``EventLogError`` when the settings of the broker can never work.
    public static func open(configuration path: String, logger: Logger? = nil) async throws -> EventBus {
        let configuration = try ServiceConfiguration.load(path)
        let context = RuntimeContext(
            logger: logger ?? configuration.log.makeLogger(label: "tertib"))
        return try await open(configuration: configuration, context: context)
    }

    /// Opens what a configuration describes, as ``open(configuration:logger:)`` does; time, chance and the logger
    /// are the caller's.
    public static func open(configuration: ServiceConfiguration, context: RuntimeContext) async throws -> EventBus {
        let store = try await configuration.openStore(context)
        do {
            let log = try JetStreamLog.open(configuration.jetStreamOptions, logger: context.logger)
            return try EventBus(
                options: configuration.options, log: PreparedLog(log), store: store, context: context)
        } catch {
            await store.close()
            throw error
        }
    }
}
