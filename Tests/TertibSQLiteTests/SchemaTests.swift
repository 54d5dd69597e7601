import Foundation
import TertibRuntime
import TertibCore
import TertibSQL
import TertibSQLite
import Testing

@Suite("The tables")
struct SchemaTests {
    @Test("The tables are created by eight processes at once, some of them killed, and are whole in the end")
    func processes() async throws {
        let database = try TemporaryDatabase()
        let probes = try (0..<8).map { _ in try Probe("migrate", database.path) }
        for probe in probes.prefix(3) { probe.kill() }
        var ends: [Probe.End] = []
        for probe in probes { ends.append(await probe.end()) }
        #expect(ends.dropFirst(3) == Array(repeating: .exit(0), count: 5)[...])

        let store = try await database.migrated()
        let (tables, versions) = try await tables(in: store)
        #expect(tables == expected)
        #expect(versions == Migration.current)
        await store.close()
    }

    @Test("The tables are created by many stores of one process at once")
    func stores() async throws {
        let database = try TemporaryDatabase()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let store = try await database.migrated()
                    try await store.migrate()
                    await store.close()
                }
            }
            try await group.waitForAll()
        }
        let store = try await database.open()
        let (tables, versions) = try await tables(in: store)
        #expect(tables == expected)
        #expect(versions == Migration.current)
        await store.close()
    }

    @Test("The tables leave the user's own tables and version number alone")
    func shared() async throws {
        let database = try TemporaryDatabase()
        let store = try await database.open()
        try await store.transaction { transaction in
            _ = try transaction.execute("CREATE TABLE grdb_migrations (identifier TEXT)", arguments: [])
        }
        try await store.migrate()
        let rows = try await store.read { reader in
            try reader.query("SELECT user_version FROM pragma_user_version", arguments: [])
                + reader.query("SELECT count(*) AS user_version FROM grdb_migrations", arguments: [])
        }
        #expect(rows.map { $0["user_version"] } == [.integer(0), .integer(0)])
        await store.close()
    }

    @Test("The tables that are newer than the program are refused, when opening and when migrating")
    func newer() async throws {
        let database = try TemporaryDatabase()
        let store = try await database.migrated()
        try await store.transaction { transaction in
            _ = try transaction.execute(
                "INSERT INTO tertib_migration (version, applied_at) VALUES (1000000, '2100-01-01')", arguments: [])
        }
        let migrating = await #expect(throws: StoreError.self) { try await store.migrate() }
        #expect(migrating?.code == .schema)
        let opening = await #expect(throws: StoreError.self) { try await database.open() }
        #expect(opening?.code == .schema)
        #expect(opening?.description.contains("newer version of this program") == true)
        await store.close()
    }

    @Test("The tables that are missing are reported as such, and not as a failure of the statement")
    func missing() async throws {
        let database = try TemporaryDatabase()
        let store = try await database.open()
        let consumer = try Samples.consumer()
        let aggregate = try Samples.aggregate("42")
        let writing = await #expect(throws: StoreError.self) {
            try await store.transaction { try $0.watermarks(consumer, of: [aggregate]) }
        }
        #expect(writing?.code == .schema)
        let reading = await #expect(throws: StoreError.self) { try await store.read { try $0.consumers() } }
        #expect(reading?.code == .schema)
        await store.close()
    }

    @Test("The tables hold hostile ids as data, byte by byte")
    func hostile() async throws {
        let ids = [
            "'; DROP TABLE tertib_watermark; --", "%", "_", "\"", "\\", "\u{1F6D2}", "\u{e9}", "e\u{301}", "a/b *.>",
            "\u{1}\u{7f}\r\n", String(repeating: "\u{10FFFF}", count: 32), String(repeating: "x", count: 128),
        ]
        try await withStore { store in
            let aggregates = try ids.map { try Samples.aggregate($0) }
            for aggregate in aggregates { try await fill(aggregate, in: store) }
            let consumer = try Samples.consumer()
            for aggregate in aggregates {
                let found = try await store.read { reader in
                    [
                        try reader.watermark(consumer, of: aggregate).map { [$0.aggregate] } ?? [],
                        try reader.parkedRows(consumer, of: aggregate, limit: 9).map(\.aggregate),
                        try reader.deadLetters(consumer, of: aggregate, limit: 9).compactMap(\.aggregate),
                        try reader.outboxRows(of: aggregate, limit: 9).map(\.aggregate),
                        try reader.head(of: aggregate).map { [$0.aggregate] } ?? [],
                    ]
                }
                #expect(found == Array(repeating: [aggregate], count: 5))
            }
            let pages = try await store.read { try $0.watermarks(consumer, after: nil, limit: 100) }
            #expect(pages.map(\.aggregate) == aggregates.sorted())
        }
    }

    private func fill(_ aggregate: Aggregate, in store: SQLiteStore) async throws {
        let consumer = try Samples.consumer()
        try await store.transaction { transaction in
            let now = try transaction.now()
            _ = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
            _ = try transaction.park(consumer, [try Samples.parked(aggregate, 3, at: now)])
            let sequence = StreamSequence(UInt64.random(in: 1...UInt64.max))
            try transaction.saveDeadLetter(
                consumer,
                DeadLetter(
                    id: "\(sequence)", aggregate: aggregate, version: try Samples.version(1), eventID: nil,
                    streamCreatedAt: now, streamSequence: sequence, message: WireMessage(subject: "s"),
                    reason: .failed, error: "", attempts: 1, failedAt: now))
            _ = try transaction.compareAndSetHead(nil, to: AggregateHead(aggregate: aggregate))
            try transaction.insertOutbox(try Samples.staged(aggregate, 1, at: now))
        }
    }

    private var expected: [SQLValue] {
        [
            "tertib_consumer", "tertib_dead_letter", "tertib_head", "tertib_migration", "tertib_outbox",
            "tertib_parked",
            "tertib_replica", "tertib_watermark",
        ].map { .text($0) }
    }

    private func tables(in store: SQLiteStore) async throws -> (names: [SQLValue], versions: Int) {
        try await store.read { reader in
            let tables = try reader.query(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'tertib%' ORDER BY name",
                arguments: [])
            let versions = try reader.query("SELECT version FROM tertib_migration", arguments: [])
            return (tables.map { $0["name"] }, versions.count)
        }
    }
}
