import Logging
import TertibRuntime
import TertibCore
import TertibPostgres
import TertibTesting
import TestServers
import Testing

/// The relay never looks by itself here: an hour passes between two looks.
@Suite("Relays on PostgreSQL are notified", .timeLimit(.minutes(2)))
struct StagingNoticeTests {
    @Test("A relay on PostgreSQL is notified of events that another process stages, and publishes them at once")
    func told() async throws {
        try await withDatabase { database, other in
            try await withRelay(on: database) { log in
                try database.awaitListener()
                // The first of them may be found by the look that follows the connection.
                for number in 1...5 {
                    try await stage("order/\(number)", in: other)
                    try await waitUntil("event \(number) to be published") { log.messages.count == number }
                }
            }
        }
    }

    @Test(
        "A relay on PostgreSQL whose listening connection is lost makes another one, and searches for events staged meanwhile"
    )
    func lost() async throws {
        try await withDatabase { database, other in
            try await withRelay(on: database) { log in
                try database.awaitListener()
                try await stage("order/1", in: other)
                try await waitUntil("the first event to be published") { log.messages.count == 1 }
                // Sessions that are open stay; the listener's next one is refused.
                try database.cluster.psql("ALTER DATABASE \(database.name) ALLOW_CONNECTIONS false")
                try database.cluster.psql(
                    """
                    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                    WHERE datname = '\(database.name)' AND query LIKE 'LISTEN%'
                    """)
                try await stage("order/2", in: other)
                #expect(log.messages.count == 1, "nobody could tell")
                try database.cluster.psql("ALTER DATABASE \(database.name) ALLOW_CONNECTIONS true")
                try await waitUntil("the second event to be published") { log.messages.count == 2 }
            }
        }
    }

    @Test("A relay on PostgreSQL stops listening when it is stopped, and when its store is closed")
    func stops() async throws {
        try await withDatabase { database, store in
            try await withRelay(on: database) { _ in try database.awaitListener() }
            try database.awaitNoListener()
            async let watching: Void = store.watchStaging {}
            try database.awaitListener()
            await store.close()
            await watching
            try database.awaitNoListener()
        }
    }

    /// Runs a relay of one process while `body` runs.
    private func withRelay(on database: TestDatabase, _ body: (MemoryLog) async throws -> Void) async throws {
        let log = MemoryLog(namespace: try Namespace("test"), stream: try StreamName("TEST"), seed: 1)
        let service = try service(try database.open(), log)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.relayUntilCancelled() }
            try await body(log)
            group.cancelAll()
            try await group.waitForAll()
        }
        await service.close()
    }

    /// Stages an event in another process, which does not relay.
    private func stage(_ aggregate: String, in store: PostgresStore) async throws {
        let log = MemoryLog(namespace: try Namespace("test"), stream: try StreamName("TEST"), seed: 1)
        let event = try NewEvent(type: try EventType("order.placed"), json: Array("{}".utf8))
        let aggregate = try Aggregate(parsing: aggregate)
        try await service(store, log).transaction { _ = try $0.stage(event, for: aggregate) }
    }

    private func service(_ store: PostgresStore, _ log: MemoryLog) throws -> EventBus {
        var logger = Logger(label: "tests")
        logger.logLevel = .critical
        return try EventBus(
            options: EventBusOptions(
                service: try ServiceName("orders"), namespace: try Namespace("test"),
                publishes: [try AggregateType("order"): .outbox], outbox: OutboxSettings(pollInterval: .seconds(3600))),
            log: log.replica(), store: store, context: RuntimeContext(logger: logger))
    }
}

extension TestDatabase {
    fileprivate func awaitListener() throws { try awaitRow("SELECT 1 WHERE EXISTS (\(Self.listeners))") }

    fileprivate func awaitNoListener() throws { try awaitRow("SELECT 1 WHERE NOT EXISTS (\(Self.listeners))") }

    /// The sessions whose last statement was to listen.
    private static let listeners = """
        SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%' AND state = 'idle'
        """
}
