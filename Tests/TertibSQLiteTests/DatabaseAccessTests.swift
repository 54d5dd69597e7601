import GRDB
import Logging
import TertibCore
import TertibRuntime
import TertibSQLite
import TertibTesting
import Testing

/// The service's own copy of a product, as a record of GRDB's.
private struct Product: Codable, FetchableRecord, PersistableRecord, Equatable {
    static let databaseTableName = "product"
    var id: String
    var price: Int
}

@Suite("GRDB's connection inside a transaction", .timeLimit(.minutes(1)))
struct DatabaseAccessTests {
    @Test("GRDB's connection inside a transaction reads and writes records, which commit with the transaction")
    func records() async throws {
        try await withBus { bus in
            let price = try await bus.transaction { transaction in
                try transaction.execute("INSERT INTO product VALUES ('a', 1)")
                return try transaction.withDatabase { db in
                    var product = try Product.find(db, key: "a")
                    product.price += 1
                    try product.update(db)
                    try Product(id: "b", price: 5).insert(db)
                    return try Product.fetchOne(db, key: "a")?.price
                }
            }
            #expect(price == 2)
            try await expectProducts(["a 2", "b 5"], bus)
        }
    }

    @Test("GRDB's connection inside a transaction writes nothing when the transaction's body throws afterwards")
    func undone() async throws {
        try await withBus { bus in
            await #expect(throws: Refusal.self) {
                try await bus.transaction { transaction in
                    try transaction.withDatabase { db in try Product(id: "a", price: 1).insert(db) }
                    throw Refusal()
                }
            }
            try await expectProducts([], bus)
        }
    }

    @Test(
        "GRDB's connection inside a transaction undoes the closure alone when the closure throws and the body goes on")
    func closureUndone() async throws {
        try await withBus { bus in
            try await bus.transaction { transaction in
                try transaction.execute("INSERT INTO product VALUES ('before', 1)")
                #expect(throws: Refusal.self) {
                    try transaction.withDatabase { db in
                        try Product(id: "a", price: 1).insert(db)
                        throw Refusal()
                    }
                }
                try transaction.execute("INSERT INTO product VALUES ('z', 1)")
            }
            try await expectProducts(["before 1", "z 1"], bus)
        }
    }

    @Test("GRDB's connection inside a transaction allows savepoints of the closure's own, at any depth")
    func savepoints() async throws {
        try await withBus { bus in
            try await bus.transaction { transaction in
                try transaction.withDatabase { db in
                    try db.inSavepoint {
                        try Product(id: "a", price: 1).insert(db)
                        try db.inSavepoint {
                            try Product(id: "b", price: 1).insert(db)
                            return .rollback
                        }
                        return .commit
                    }
                    try db.execute(sql: "SAVEPOINT mine; INSERT INTO product VALUES ('c', 1); RELEASE mine")
                }
            }
            try await expectProducts(["a 1", "c 1"], bus)
        }
    }

    /// Everything by which a closure could end the transaction, or change the connection under it.
    enum Misuse: String, CaseIterable, Sendable {
        case commit = "COMMIT"
        case end = "/* hidden */ end transaction"
        case rollback = "ROLLBACK"
        case begin = "BEGIN IMMEDIATE"
        case release = "RELEASE tertib_handler"
        case releaseQuoted = "RELEASE \"TERTIB_HANDLER\""
        case rollbackTo = "ROLLBACK TO tertib_handler"
        case savepoint = "SAVEPOINT tertib"
        case commitAndBegin = "COMMIT; BEGIN IMMEDIATE"
        case attach = "ATTACH ':memory:' AS other"
        case queryOnly = "PRAGMA query_only = 1"
        case synchronous = "PRAGMA synchronous = OFF"
        case journal = "PRAGMA journal_mode = DELETE"
        case busyTimeout = "PRAGMA busy_timeout = 1"
        case foreignKeys = "PRAGMA foreign_keys = 0"
        case inTransaction, commitCall, rollbackCall, beginCall, cached

        func act(_ db: Database) throws {
            switch self {
            case .inTransaction: try db.inTransaction { .commit }
            case .commitCall: try db.commit()
            case .rollbackCall: try db.rollback()
            case .beginCall: try db.beginTransaction()
            case .cached: try db.cachedStatement(sql: "COMMIT").execute()
            default: try db.execute(sql: rawValue)
            }
        }
    }

    @Test(
        "GRDB's connection inside a transaction refuses every statement that would control the transaction, which goes on",
        arguments: Misuse.allCases)
    func refused(misuse: Misuse) async throws {
        try await withBus { bus in
            try await bus.transaction { transaction in
                try transaction.execute("INSERT INTO product VALUES ('a', 1)")
                let failure = code {
                    try transaction.withDatabase { db in
                        try db.execute(sql: "INSERT INTO product VALUES ('undone', 1)")
                        try misuse.act(db)
                    }
                }
                #expect(failure == .forbiddenStatement)
                try transaction.execute("INSERT INTO product VALUES ('b', 1)")
            }
            try await expectProducts(["a 1", "b 1"], bus)
        }
    }

    @Test(
        "GRDB's connection inside a transaction refuses them also when the closure swallows the error, and when its connection is used outside of it"
    )
    func swallowed() async throws {
        try await withBus { bus in
            await #expect(throws: Refusal.self) {
                try await bus.transaction { transaction in
                    let leaked = try transaction.withDatabase { db in
                        for misuse in Misuse.allCases { try? misuse.act(db) }
                        try Product(id: "a", price: 1).insert(db)
                        return db
                    }
                    try? leaked.execute(sql: "COMMIT")
                    try? leaked.commit()
                    throw Refusal()
                }
            }
            try await expectProducts([], bus)
        }
    }

    @Test(
        "GRDB's connection inside a transaction finds out that the transaction has ended inside, whatever the closure did with the error"
    )
    func lost() async throws {
        try await withBus { bus in
            _ = try await bus.transaction { transaction in
                try transaction.execute(
                    """
                    CREATE TRIGGER guard BEFORE INSERT ON product WHEN NEW.id = 'forbidden'
                    BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END
                    """)
            }
            for isSwallowed in [true, false] {
                let failure = await #expect(throws: StoreError.self) {
                    try await bus.transaction { transaction in
                        try transaction.execute("INSERT INTO product VALUES ('a', 1)")
                        try? transaction.withDatabase { db in
                            do {
                                try Product(id: "forbidden", price: 1).insert(db)
                            } catch  where isSwallowed {}
                            try Product(id: "b", price: 1).insert(db)
                        }
                        #expect(
                            code { try transaction.execute("INSERT INTO product VALUES ('c', 1)") } == .transactionLost)
                    }
                }
                #expect(failure?.code == .transactionLost)
            }
            try await expectProducts([], bus)
        }
    }

    @Test("GRDB's connection inside a transaction classifies the database's errors, and throws the others unchanged")
    func errors() async throws {
        try await withBus { bus in
            try await bus.transaction { transaction in
                try transaction.execute("INSERT INTO product VALUES ('a', 1)")
                #expect(
                    code { try transaction.withDatabase { try Product(id: "a", price: 2).insert($0) } } == .statement)
                #expect(code { try transaction.withDatabase { try $0.execute(sql: "SELEC 1") } } == .statement)
                #expect(throws: RecordError.self) {
                    try transaction.withDatabase { try Product(id: "missing", price: 2).update($0) }
                }
            }
        }
    }

    @Test(
        "GRDB's connection inside a transaction takes a conflict or an outage for the transaction's own, also when the body swallows it",
        arguments: [(ResultCode.SQLITE_BUSY, StoreError.Code.conflict), (.SQLITE_FULL, .unavailable)])
    func infrastructure(result: ResultCode, expected: StoreError.Code) async throws {
        try await withBus { bus in
            let failure = await #expect(throws: StoreError.self) {
                try await bus.transaction { transaction in
                    #expect(
                        code { try transaction.withDatabase { _ in throw DatabaseError(resultCode: result) } }
                            == expected)
                    try transaction.execute("INSERT INTO product VALUES ('a', 1)")
                }
            }
            #expect(failure?.code == expected)
            try await expectProducts([], bus)
        }
    }

    @Test("GRDB's connection inside a transaction knows a table that the transaction has just made or changed")
    func schema() async throws {
        try await withBus { bus in
            try await bus.transaction { transaction in
                try transaction.withDatabase { db in
                    try db.create(table: "note") { $0.primaryKey("id", .integer) }
                    #expect(try db.columns(in: "note").map(\.name) == ["id"])
                }
                try transaction.execute("ALTER TABLE note ADD COLUMN text TEXT")
                try transaction.withDatabase { db in
                    let names = try db.columns(in: "note").map(\.name)
                    #expect(names == ["id", "text"])
                }
            }
        }
    }

    @Test(
        "GRDB's connection inside a transaction is reached through a store that decorates SQLite's, and is a clear error on any other"
    )
    func otherStores() async throws {
        try await withBus { bus in
            let store = CrashingStore(bus.store) { _ in true }
            let decorated = try EventBus(options: bus.options, log: bus.log, store: store)
            try await decorated.transaction { transaction in
                try transaction.withDatabase { try Product(id: "a", price: 1).insert($0) }
            }
            try await expectProducts(["a 1"], bus)
            let memory = try EventBus(options: bus.options, log: bus.log, store: MemoryStore(statements: [:]))
            let failure = await #expect(throws: StoreError.self) {
                try await memory.transaction { try $0.withDatabase { _ in } }
            }
            #expect(failure?.code == .statement)
            #expect(failure?.reason.contains("not SQLite") == true)
        }
    }

    @Test(
        "GRDB's connection inside a transaction serves handlers: effect and watermark commit together, and a misuse is blamed on its event alone"
    )
    func handlers() async throws {
        try await withBus { bus in
            let log = try #require(bus.log as? MemoryLog)
            let codec = WireCodec(namespace: bus.options.namespace)
            for (id, version) in [("1", 1), ("2", 1), ("1", 2), ("2", 2), ("1", 3)] {
                log.store(codec.encode(try Self.priced(id, Int64(version))))
            }
            var handlers = Handlers()
            handlers.onAnyOther { envelope, transaction in
                try transaction.withDatabase { db in
                    try Product(id: envelope.aggregate.id.text, price: Int(envelope.version.number)).save(db)
                    if envelope.aggregate.id.text == "2", envelope.version.number == 2 { try db.commit() }
                }
            }
            let consumer = try bus.consumer("tests", handlers: handlers)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await consumer.run() }
                try await eventually(
                    "the bad event to be a dead letter, and the others applied", watching: [log.changes]
                ) {
                    let name = try ConsumerName("tests")
                    let letters = try await bus.store.read { try $0.deadLetters(name, of: nil, limit: 9) }
                    let found = try await products(bus)
                    return letters.map(\.version?.number) == [2] && found == ["1 3", "2 1"]
                }
                group.cancelAll()
                try await group.waitForAll()
            }
            let watermark = try await bus.store.read {
                try $0.watermark(try ConsumerName("tests"), of: try Samples.aggregate("2"))
            }
            #expect(watermark?.version.number == 1)
        }
    }

    private static func priced(_ id: String, _ version: Int64) throws -> Envelope {
        Envelope(
            id: try EventID("\(id)-\(version)"), source: try EventSource("/catalog"),
            type: try EventType("product.priced"), aggregate: try Samples.aggregate(id),
            version: try Samples.version(version), body: Array("{}".utf8))
    }

    /// A service on SQLite with a table of products; its stream is in memory.
    private func withBus(_ body: (EventBus) async throws -> Void) async throws {
        try await withStore { store in
            var logger = Logger(label: "tests")
            logger.logLevel = .critical
            let namespace = try Namespace("shop")
            var settings = ConsumerSettings(name: try ConsumerName("tests"))
            settings.retry = RetryPolicy(maxAttempts: 1)
            let log = MemoryLog(
                namespace: namespace, stream: try StreamName("TEST"), settings: MemoryStreamSettings(), seed: 1)
            let bus = try EventBus(
                options: EventBusOptions(
                    service: try ServiceName("service"), namespace: namespace, consumers: [settings.name: settings]),
                log: log, store: store, context: RuntimeContext(logger: logger))
            _ = try await bus.transaction { transaction in
                try transaction.execute("CREATE TABLE product (id TEXT PRIMARY KEY, price INTEGER NOT NULL)")
            }
            try await body(bus)
        }
    }

    private func expectProducts(
        _ expected: [String], _ bus: EventBus, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let found = try await products(bus)
        #expect(found == expected, sourceLocation: sourceLocation)
    }

    private func products(_ bus: EventBus) async throws -> [String] {
        try await bus.store.read { reader in
            try reader.query("SELECT id || ' ' || price AS p FROM product ORDER BY id", arguments: [])
                .compactMap { $0["p"].text }
        }
    }
}
