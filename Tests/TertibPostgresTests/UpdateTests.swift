import Logging
import TertibRuntime
import TertibCore
import TertibPostgres
import TertibTesting
import TestServers
import Testing

/// Sold out: what a check in the closure of an update throws.
struct SoldOut: Error {}

@Suite("A read-modify-write on PostgreSQL", .timeLimit(.minutes(2)))
struct UpdateTests {
    static let policies: [ConcurrencyPolicy] = [.version, .allColumns, .forUpdate, .forUpdateNoWait, .serializable]

    @Test(
        "A read-modify-write on PostgreSQL with retries takes each piece once and never too many, under each policy",
        arguments: policies)
    func retries(policy: ConcurrencyPolicy) async throws {
        try await withStock(30) { database, service in
            let outcomes = await takeAtOnce(from: service, under: policy, onConflict: .retry(atMost: 500))
            #expect(outcomes == [.taken: 30, .soldOut: 10])
            let left = try left(in: database)
            #expect(left == "0")
        }
    }

    @Test(
        "A read-modify-write on PostgreSQL that throws loses no update silently, under each policy", arguments: policies
    )
    func throwing(policy: ConcurrencyPolicy) async throws {
        try await withStock(100) { database, service in
            let outcomes = await takeAtOnce(from: service, under: policy, onConflict: .throw)
            #expect(outcomes[.taken, default: 0] + outcomes[.conflict, default: 0] == 40)
            let left = try left(in: database)
            #expect(left == "\(100 - outcomes[.taken, default: 0])")
        }
    }

    @Test("A read-modify-write on PostgreSQL without any control loses an update")
    func uncontrolled() async throws {
        try await withStock(10) { database, service in
            let failure = await takeTwice(from: service, under: .none)
            #expect(failure == nil)
            let left = try left(in: database)
            #expect(left == "9", "two were taken")
        }
    }

    @Test(
        "A read-modify-write on PostgreSQL finds out that another writer was faster, and says which version it wrote",
        arguments: [
            (ConcurrencyPolicy.version, Int64?(1), Int64?(2)), (.allColumns, nil, nil), (.serializable, nil, nil),
        ])
    func optimistic(policy: ConcurrencyPolicy, expected: Int64?, actual: Int64?) async throws {
        try await withStock(10) { database, service in
            let failure = await takeTwice(from: service, under: policy)
            let conflict = try #require(failure as? UpdateConflict)
            #expect(conflict.expected == expected)
            #expect(conflict.actual == actual)
            #expect(conflict.table == "stock")
            let left = try left(in: database)
            #expect(left == "9")
        }
    }

    @Test("A read-modify-write on PostgreSQL that locks lets others wait, or fail at once", arguments: [true, false])
    func pessimistic(waits: Bool) async throws {
        try await withStock(10) { database, service in
            let (isRead, mayWrite) = (Gate(), Gate())
            async let first: Void = service.update(stock, under: .forUpdate) { row, _ in
                isRead.open()
                try mayWrite.waitOnThread(for: "the other to come")
                row["amount"] = .integer((row["amount"].integer ?? 0) - 1)
            }
            try await isRead.wait(for: "the row to be locked")
            async let second = error {
                try await service.update(
                    stock, under: waits ? .forUpdate : .forUpdateNoWait, onConflict: .throw
                ) { row, _ in row["amount"] = .integer((row["amount"].integer ?? 0) - 1) }
            }
            if waits {
                try database.awaitRow("SELECT 1 FROM pg_locks WHERE NOT granted")
            } else {
                #expect(await second is UpdateConflict)
            }
            mayWrite.open()
            try await first
            #expect((await second == nil) == waits)
            #expect(try left(in: database) == (waits ? "8" : "9"))
        }
    }

    @Test("A read-modify-write on PostgreSQL compares every column, NULL and odd types included")
    func everyColumn() async throws {
        try await withStock(10) { database, service in
            try database.psql(
                """
                ALTER TABLE stock ADD COLUMN note text, ADD COLUMN price numeric(10, 2) DEFAULT 12.50,
                    ADD COLUMN at timestamptz DEFAULT now(), ADD COLUMN data jsonb DEFAULT '{"a": [1]}',
                    ADD COLUMN bytes bytea DEFAULT '\\x00ff', ADD COLUMN flag boolean DEFAULT true,
                    ADD COLUMN share real DEFAULT 0.1
                """)
            try await service.update(stock, under: .allColumns, onConflict: .throw) { row, _ in
                row["note"] = .text("'; DROP TABLE stock; --")
            }
            try await service.update(stock, under: .allColumns, onConflict: .throw) { row, _ in row["note"] = .null }
            #expect(try database.psql("SELECT amount, note IS NULL FROM stock") == "10|t")
        }
    }

    @Test("A read-modify-write on PostgreSQL undoes everything when the closure throws, and takes what it staged along")
    func undone() async throws {
        try await withStock(10) { database, service in
            let event = try NewEvent(type: try EventType("order.placed"), json: Array("{}".utf8))
            let order = try Aggregate(parsing: "order/1")
            await #expect(throws: SoldOut.self) {
                try await service.update(stock) { row, transaction in
                    row["amount"] = .integer(0)
                    try transaction.stage(event, for: order)
                    throw SoldOut()
                }
            }
            #expect(
                try database.psql("SELECT amount, version, (SELECT count(*) FROM tertib_outbox) FROM stock") == "10|1|0"
            )
            try await service.update(stock) { row, transaction in
                row["amount"] = .integer(0)
                try transaction.stage(event, for: order)
            }
            #expect(
                try database.psql("SELECT amount, version, (SELECT count(*) FROM tertib_outbox) FROM stock") == "0|2|1")
        }
    }

    @Test("A read-modify-write on PostgreSQL of a row that is not there, or has no version, says so")
    func unusable() async throws {
        try await withStock(10) { database, service in
            let missing = await error { try await service.update(RowReference("stock", ["product": "43"])) { _, _ in } }
            #expect((missing as? StoreError)?.code == .statement)
            try database.psql("ALTER TABLE stock DROP COLUMN version")
            let bare = await error { try await service.update(stock) { _, _ in } }
            #expect((bare as? StoreError)?.reason.contains("version") == true)
        }
    }

    private func left(in database: TestDatabase) throws -> String {
        try database.psql("SELECT amount FROM stock WHERE product = '42'")
    }

    private enum Outcome { case taken, soldOut, conflict, other }

    private var stock: RowReference { RowReference("stock", ["product": "42"]) }

    /// Eight at once take five pieces each.
    private func takeAtOnce(
        from service: EventBus, under policy: ConcurrencyPolicy, onConflict reaction: ConflictReaction
    ) async -> [Outcome: Int] {
        await withTaskGroup(of: [Outcome].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var outcomes: [Outcome] = []
                    for _ in 0..<5 {
                        switch await error({ try await take(from: service, under: policy, onConflict: reaction) }) {
                        case nil: outcomes.append(.taken)
                        case is SoldOut: outcomes.append(.soldOut)
                        case is UpdateConflict: outcomes.append(.conflict)
                        default: outcomes.append(.other)
                        }
                    }
                    return outcomes
                }
            }
            return await group.reduce(into: [:]) { for outcome in $1 { $0[outcome, default: 0] += 1 } }
        }
    }

    private func take(
        from service: EventBus, under policy: ConcurrencyPolicy, onConflict reaction: ConflictReaction
    ) async throws {
        try await service.update(stock, under: policy, onConflict: reaction) { row, _ in
            guard let amount = row["amount"].integer, amount > 0 else { throw SoldOut() }
            row["amount"] = .integer(amount - 1)
        }
    }

    /// One reads; another takes a piece meanwhile; then the one writes what it has read, less one.
    private func takeTwice(from service: EventBus, under policy: ConcurrencyPolicy) async -> (any Error)? {
        let (isRead, mayWrite) = (Gate(), Gate())
        async let first = error {
            try await service.update(stock, under: policy, onConflict: .throw) { row, _ in
                isRead.open()
                try mayWrite.waitOnThread(for: "the other to write")
                row["amount"] = .integer((row["amount"].integer ?? 0) - 1)
            }
        }
        let second = await error {
            try await isRead.wait(for: "the first to read")
            try await take(from: service, under: policy, onConflict: .throw)
        }
        mayWrite.open()
        return await first ?? second
    }

    private func error<Result>(_ body: () async throws -> Result) async -> (any Error)? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error
        }
    }

    private func withStock(_ amount: Int, _ body: (TestDatabase, EventBus) async throws -> Void) async throws {
        try await withDatabase { database, store in
            try database.psql(
                """
                CREATE TABLE stock (product text PRIMARY KEY, amount bigint NOT NULL, version bigint NOT NULL DEFAULT 1);
                INSERT INTO stock VALUES ('42', \(amount))
                """)
            let log = MemoryLog(namespace: try Namespace("test"), stream: try StreamName("TEST"), seed: 1)
            let service = try EventBus(
                options: EventBusOptions(
                    service: try ServiceName("orders"), namespace: try Namespace("test"),
                    publishes: [try AggregateType("order"): .outbox]), log: log, store: store)
            try await body(database, service)
        }
    }
}
