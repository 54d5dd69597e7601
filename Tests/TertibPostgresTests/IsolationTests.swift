import TertibRuntime
import TertibCore
import TertibPostgres
import TertibTesting
import Testing

/// A server's default may be anything: each transaction names what it needs.
@Suite("Under every default isolation of the server")
struct IsolationTests {
    static let levels = ["read committed", "repeatable read", "serializable"]

    @Test(
        "Under every default isolation of the server a transaction sees what another replica committed before its statement",
        arguments: levels)
    func sees(level: String) async throws {
        try await withDatabase(settings: ["default_transaction_isolation": level]) { _, store in
            let (consumer, aggregate) = (try ConsumerName("orders"), try Aggregate(parsing: "product/42"))
            let (hasRead, mayGoOn) = (Gate(), Gate())
            async let revisions = store.transaction { transaction in
                let before = try transaction.watermarks(consumer, of: [aggregate])[aggregate]?.revision
                hasRead.open()
                try mayGoOn.waitOnThread(for: "the neighbour to commit")
                return [before, try transaction.watermarks(consumer, of: [aggregate])[aggregate]?.revision]
            }
            try await hasRead.wait(for: "the first read")
            _ = try await store.transaction { try $0.claim(consumer, [Watermark(aggregate: aggregate)]).count }
            mayGoOn.open()
            #expect(try await revisions == [nil, 1])
        }
    }

    @Test(
        "Under every default isolation of the server writers of one row wait for each other and add up, without a conflict",
        arguments: levels)
    func adds(level: String) async throws {
        try await withDatabase(settings: ["default_transaction_isolation": level]) { database, store in
            try database.psql("CREATE TABLE counter (n bigint); INSERT INTO counter VALUES (0)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await store.transaction { transaction in
                            _ = try transaction.execute("UPDATE counter SET n = n + 1", arguments: [])
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try database.psql("SELECT n FROM counter") == "20")
        }
    }

    @Test("Under every default isolation of the server a database that is read-only by default is written all the same")
    func readOnly() async throws {
        try await withDatabase(settings: ["default_transaction_read_only": "on"]) { _, store in
            let aggregate = try Aggregate(parsing: "product/42")
            let consumer = try ConsumerName("orders")
            let won = try await store.transaction { try $0.claim(consumer, [Watermark(aggregate: aggregate)]).count }
            #expect(won == 1)
        }
    }

    @Test(
        "Under every default isolation of the server a snapshot refuses to write, and ends with the first statement that fails"
    )
    func snapshot() async throws {
        try await withNotes { _, store in
            let codes = Recorded<StoreError.Code?>()
            try await store.read { reader in
                codes.add(storeError { try reader.query("DELETE FROM note", arguments: []) }?.code)
                codes.add(storeError { try reader.query("SELECT 1", arguments: []) }?.code)
            }
            #expect(codes.all == [.forbiddenStatement, .forbiddenStatement])
            try await store.transaction { _ = try addNote("a", in: $0) }
            try await expectNotes(["a"], in: store)
        }
    }
}
