import Logging
import TertibRuntime
import TertibCore
import TertibPostgres
import TertibTesting
import TestServers
import Testing

/// The real consumer on the real server; only the stream is in memory. A statement that fails ends a transaction here,
/// which it does nowhere else.
@Suite("Consumers on PostgreSQL", .timeLimit(.minutes(2)))
struct RuntimeTests {
    /// What a handler does at the poisoned version.
    enum Poison: String, CaseIterable, Sendable {
        /// Its statement fails, and it throws that on.
        case violates
        /// Its statement fails, and it goes on as if nothing had happened.
        case swallows
        /// Its statement fails, it swallows that, and writes on.
        case goesOn
        /// A statement fails that it has only enqueued.
        case enqueues
        /// The same, and the handler goes on and swallows what it is told then.
        case enqueuesAndSwallows
        /// What it wrote is refused at the commit.
        case deferred
        /// It throws after it has written.
        case throwsLate
    }

    @Test("Shuffled, duplicated, half of the answers lost, four replicas: each event once and in order")
    func wild() async throws {
        let world = try await RuntimeWorld.make()
        world.log.faults.shuffleWindow = 64
        world.log.faults.duplication = 0.1
        world.log.faults.answerLoss = 0.5
        var generator = SeededGenerator(seed: 1)
        let events = (1...12).flatMap { id in (1...15).map { (id, $0) } }.shuffled(using: &generator)
        for (id, version) in events { try world.publish(version, of: "\(id)") }
        try await world.run(replicas: 4, handlers: RuntimeWorld.ledger()) {
            try await world.waitUntilApplied(events.count)
            world.log.faults.answerLoss = 0
            try await world.rest()
        }
        #expect(try world.psql("SELECT count(*) FROM ledger") == "\(events.count)")
        #expect(try world.psql("SELECT count(*) FROM (\(RuntimeWorld.disorder)) AS d") == "0")
    }

    @Test("One bad event stops its own aggregate only, whatever is bad about it", arguments: Poison.allCases)
    func poison(poison: Poison) async throws {
        let world = try await RuntimeWorld.make()
        try world.psql(
            """
            CREATE TABLE parent (id bigint PRIMARY KEY);
            CREATE TABLE child (id bigint REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
            INSERT INTO parent VALUES (1)
            """)
        for id in 1...5 { for version in 1...6 { try world.publish(version, of: "\(id)") } }
        var handlers = Handlers()
        handlers.onAnyOther { envelope, transaction in
            try RuntimeWorld.record(envelope, in: transaction)
            if envelope.aggregate.id.text == "3", envelope.version.number == 4 { try poison.act(transaction) }
        }
        try await world.run(replicas: 2, handlers: handlers) {
            try await world.waitUntilApplied(4 * 6 + 3)
            try await waitUntil("the dead letter") {
                try world.psql("SELECT count(*) FROM tertib_dead_letter") == "1"
            }
            try await waitUntil("what follows it to be parked") {
                try world.psql("SELECT count(*) FROM tertib_parked") == "2"
            }
        }
        #expect(try world.psql("SELECT aggregate_id, version, reason FROM tertib_dead_letter") == "3|4|failed")
        let status = try world.psql("SELECT version, status FROM tertib_watermark WHERE aggregate_id = '3'")
        #expect(status == "3|quarantined")
        #expect(try world.psql("SELECT count(*) FROM ledger") == "27", "nothing of the bad event was kept")
    }
}

extension RuntimeTests.Poison {
    fileprivate func act(_ transaction: HandlerTransaction) throws {
        switch self {
        case .violates:
            try transaction.execute("INSERT INTO parent VALUES (1)")
        case .swallows, .goesOn:
            do {
                try transaction.execute("INSERT INTO parent VALUES (1)")
            } catch {
                if self == .goesOn { try transaction.execute("INSERT INTO parent VALUES (2)") }
            }
        case .enqueues:
            try transaction.enqueue("INSERT INTO parent VALUES (1)")
        case .enqueuesAndSwallows:
            try transaction.enqueue("INSERT INTO parent VALUES (1)")
            _ = storeError { try transaction.query("SELECT id FROM parent") }
        case .deferred:
            try transaction.execute("INSERT INTO child VALUES (99)")
        case .throwsLate:
            throw Refusal()
        }
    }
}

/// A stream in memory and a database on the cluster, with as many replicas of one consumer as a test likes.
private struct RuntimeWorld: Sendable {
    let log: MemoryLog
    let database: TestDatabase
    private let factory: EventFactory

    /// Aggregates whose events were not applied in the order of their versions.
    static let disorder = """
        SELECT aggregate FROM ledger GROUP BY aggregate
        HAVING array_agg(version ORDER BY position) <> array_agg(version ORDER BY version)
        """

    static func make() async throws -> RuntimeWorld {
        let database = try await TestDatabase.make()
        try database.psql(
            """
            CREATE TABLE ledger (position bigint GENERATED ALWAYS AS IDENTITY, aggregate text, version bigint,
                PRIMARY KEY (aggregate, version))
            """)
        return RuntimeWorld(
            log: MemoryLog(namespace: try Namespace("test"), stream: try StreamName("TEST"), seed: 1),
            database: database, factory: try EventFactory(namespace: "test"))
    }

    static func record(_ envelope: Envelope, in transaction: HandlerTransaction) throws {
        try transaction.execute(
            "INSERT INTO ledger (aggregate, version) VALUES (?, ?)", envelope.aggregate.description,
            envelope.version.number)
    }

    static func ledger() -> Handlers {
        var handlers = Handlers()
        handlers.onAnyOther { envelope, transaction in try record(envelope, in: transaction) }
        return handlers
    }

    func publish(_ version: Int, of id: String) throws {
        log.store(
            try factory.message(try Aggregate(parsing: "product/\(id)"), version: try Sample.version(Int64(version))))
    }

    @discardableResult
    func psql(_ statement: String) throws -> String { try database.psql(statement) }

    func waitUntilApplied(_ count: Int) async throws {
        try await waitUntil("\(count) events to be applied") {
            try psql("SELECT coalesce(sum(version), 0) FROM tertib_watermark") == "\(count)"
        }
    }

    /// Waits until everything is delivered and answered, and nothing is parked.
    func rest() async throws {
        try await log.waitUntilSettled(consumer: "service-tests")
        try await waitUntil("nothing to be parked") { try psql("SELECT count(*) FROM tertib_parked") == "0" }
    }

    /// Runs replicas while `body` runs.
    func run(replicas: Int, handlers: Handlers, _ body: () async throws -> Void) async throws {
        var logger = Logger(label: "tests")
        logger.logLevel = .critical
        let name = try ConsumerName("tests")
        let settings = ConsumerSettings(
            name: name, acknowledgementWait: .seconds(2),
            retry: RetryPolicy(maxAttempts: 3, initialDelay: .milliseconds(5), maxDelay: .milliseconds(20)))
        var services: [(service: EventBus, consumer: Consumer)] = []
        for _ in 0..<replicas {
            let service = try EventBus(
                options: EventBusOptions(
                    service: try ServiceName("service"), namespace: try Namespace("test"), consumers: [name: settings]),
                log: log.replica(), store: try await database.migrated(), context: RuntimeContext(logger: logger))
            services.append((service, try service.consumer("tests", handlers: handlers)))
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (_, consumer) in services { group.addTask { try await consumer.run() } }
            try await body()
            group.cancelAll()
            try await group.waitForAll()
        }
        for (service, _) in services { await service.close() }
    }
}
