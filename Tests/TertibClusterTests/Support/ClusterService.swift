import Logging
import TertibRuntime
import TertibCore
import TertibJetStream
import TertibSQLite
import TestServers

/// One replica of a service on a cluster: a log and a store of its own, the store on a file that replicas share.
struct ClusterService: Sendable {
    static let stream = "SHOP"
    static let consumer = "copies"

    let tertib: EventBus
    let log: JetStreamLog
    let store: SQLiteStore

    /// A log on the cluster's stream, which it creates where there is none.
    /// - Parameter first: the server that it connects to as long as it is there.
    static func log(_ cluster: NatsCluster, first: String? = nil) async throws -> JetStreamLog {
        let others = cluster.urls.filter { $0 != first }
        var options = JetStreamOptions(
            servers: (first.map { [$0] } ?? []) + others, stream: try StreamName(stream),
            namespace: try Namespace("shop"), replicas: 3)
        options.pullHeartbeat = .seconds(1)
        let log = try JetStreamLog.open(options, logger: logger)
        // A cluster that has just met lacks places for replicas for a moment, and says so in several ways.
        try await waitUntil("the replicated stream to be there", within: .seconds(60)) {
            do {
                try await log.waitUntilConnected(within: .seconds(20))
                try await log.prepareStream()
                return true
            } catch let error as EventLogError where error.isRetriable {
                return false
            }
        }
        return log
    }

    /// Opens a replica of the service `name`; its tables are made.
    static func open(
        _ name: String, on cluster: NatsCluster, file: String, first: String? = nil,
        _ change: (inout EventBusOptions) throws -> Void
    ) async throws -> ClusterService {
        let log = try await log(cluster, first: first)
        let store = try await SQLiteStore(path: file)
        try await store.migrate()
        var options = EventBusOptions(service: try ServiceName(name), namespace: try Namespace("shop"))
        try change(&options)
        var context = RuntimeContext()
        context.logger = logger
        return ClusterService(
            tertib: try EventBus(options: options, log: log, store: store, context: context), log: log, store: store)
    }

    private static var logger: Logger {
        var logger = Logger(label: "cluster")
        logger.logLevel = .critical
        return logger
    }
}
