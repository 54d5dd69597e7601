import TertibRuntime
import TertibCore
import TertibPostgres
import TertibTesting
import TestServers
import Testing

@Suite("A table that several replicas make at the same moment", .timeLimit(.minutes(1)))
struct CreationTests {
    private static let table = "CREATE TABLE IF NOT EXISTS stock (id TEXT PRIMARY KEY, amount BIGINT NOT NULL)"
    private static let index = "CREATE INDEX IF NOT EXISTS stock_by_amount ON stock (amount)"

    @Test(
        "A table that several replicas make at the same moment is a conflict for the one that was slower, and there for its next try"
    )
    func race() async throws {
        try await withDatabase { database, store in
            let (isMade, mayEnd) = (Gate(), Gate())
            async let first: Void = store.transaction { transaction in
                _ = try transaction.execute(Self.table, arguments: [])
                isMade.open()
                try mayEnd.waitOnThread(for: "the other to make it, too")
            }
            try await isMade.wait(for: "the table to be made")
            async let second = storeError {
                try await store.transaction { _ = try $0.execute(Self.table, arguments: []) }
            }
            try database.awaitRow("SELECT 1 FROM pg_locks WHERE NOT granted")
            mayEnd.open()
            try await first
            let failure = await second
            #expect(failure?.code == .conflict)
            #expect(failure?.isRetriable == true)
            try await store.transaction { _ = try $0.execute(Self.table, arguments: []) }
        }
    }

    @Test(
        "A table that several replicas make at the same moment is made once by those who run their transaction again, index and all"
    )
    func retried() async throws {
        try await withDatabase { database, store in
            let log = MemoryLog(namespace: try Namespace("test"), stream: try StreamName("TEST"), seed: 1)
            let service = try EventBus(
                options: EventBusOptions(service: try ServiceName("orders"), namespace: try Namespace("test")),
                log: log,
                store: store)
            try await withThrowingTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask {
                        try await service.transaction { transaction in
                            try transaction.execute(Self.table)
                            _ = try transaction.execute(Self.index)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let made = try database.psql("SELECT COUNT(*) FROM pg_class WHERE relname LIKE 'stock%' AND relkind <> 'S'")
            #expect(made == "3", "a table and two indexes")
        }
    }

    @Test(
        "A table that several replicas make at the same moment without IF NOT EXISTS stays a failure of the statement")
    func unconditional() async throws {
        try await withNotes { _, store in
            let failure = await storeError {
                try await store.transaction { _ = try $0.execute("CREATE TABLE note (id TEXT)", arguments: []) }
            }
            #expect(failure?.code == .statement)
        }
    }

    @Test(
        "A table that several replicas make at the same moment of a user's own duplicate stays a failure of the statement"
    )
    func duplicate() async throws {
        try await withNotes { _, store in
            let failure = await storeError {
                try await store.transaction { transaction in
                    for _ in 0..<2 { try addNote("same", in: transaction) }
                }
            }
            #expect(failure?.code == .statement)
        }
    }
}
