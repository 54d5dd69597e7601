import TertibRuntime
import TertibCore
import TertibPostgres
import TertibSQL
import TertibTesting
import TestServers
import Testing

@Suite("The tables in PostgreSQL")
struct MigrationTests {
    @Test("The tables in PostgreSQL are made once by eight replicas that start at the same moment")
    func raced() async throws {
        let database = try await TestDatabase.make()
        let stores = try (0..<8).map { _ in try database.open { $0.connections = 1 } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for store in stores { group.addTask { try await store.migrate() } }
            try await group.waitForAll()
        }
        #expect(try database.psql("SELECT count(*) FROM tertib_migration") == "\(Migration.current)")
        for store in stores { await store.close() }
    }

    @Test(
        "The tables in PostgreSQL are all there or not at all when the process that makes them is killed, and the next one makes them"
    )
    func killed() async throws {
        let database = try await TestDatabase.make()
        // Holds the migration in its middle: it creates a table of that name, which waits for this one's end.
        let blocker = try database.open()
        let (isHeld, mayEnd) = (Gate(), Gate())
        async let held = storeError {
            try await blocker.transaction { transaction in
                try transaction.execute("CREATE TABLE tertib_outbox (a int)", arguments: [])
                isHeld.open()
                try mayEnd.waitOnThread(for: "the migration to be killed")
                throw StoreError(.statement, attempted: "hold", reason: "it is undone")
            }
        }
        try await isHeld.wait(for: "the table to be made")
        let store = try database.open()
        async let migrating = storeError { try await store.migrate() }
        try database.throwOut(where: "wait_event_type = 'Lock'")
        #expect(await migrating?.code == .unavailable)
        #expect(try database.psql("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'tertib%'") == "0")
        mayEnd.open()
        #expect(await held?.code == .statement)
        try await store.migrate()
        #expect(try database.psql("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'tertib%'") == "8")
        await store.close()
        await blocker.close()
    }

    @Test("The tables in PostgreSQL of a newer version are refused, and nothing is written")
    func newer() async throws {
        try await withDatabase { database, _ in
            try database.psql("INSERT INTO tertib_migration VALUES (99, now())")
            let store = try database.open()
            for failure in [
                await storeError { try await store.migrate() },
                await storeError { try await store.transaction { _ in } },
                await storeError { try await store.read { _ in } },
            ] {
                #expect(failure?.code == .schema)
                #expect(failure?.reason.contains("99") == true)
            }
            await store.close()
        }
    }

    @Test("The tables in PostgreSQL compare text by its bytes, whatever the database's language")
    func collation() async throws {
        try await withDatabase { database, _ in
            let other = try database.psql(
                """
                SELECT string_agg(table_name || '.' || column_name, ', ') FROM information_schema.columns
                WHERE table_name LIKE 'tertib%' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'
                    AND column_name NOT IN ('error', 'data', 'resolved_by')
                """)
            #expect(other == "")
        }
    }

    @Test(
        "The tables in PostgreSQL are found by the sweeper and the relay through their indexes, not by reading them all"
    )
    func plans() async throws {
        try await withDatabase { database, _ in
            try database.psql(
                """
                INSERT INTO tertib_watermark (consumer, aggregate_type, aggregate_id, version, stream_sequence, parked,
                    status, generation, revision, updated_at)
                SELECT 'orders', 'product', n::text, 1, n, 0, 'ok', 1, 1, now() FROM generate_series(1, 20000) AS n;
                ANALYZE tertib_watermark
                """)
            let plan = try database.psql(
                """
                EXPLAIN SELECT aggregate_id FROM tertib_watermark
                WHERE consumer = 'orders' AND can_drain ORDER BY aggregate_type, aggregate_id LIMIT 100
                """)
            #expect(plan.contains("tertib_watermark_drain"), "\(plan)")
            let gaps = try database.psql(
                """
                EXPLAIN SELECT aggregate_id FROM tertib_watermark
                WHERE consumer = 'orders' AND has_gap AND oldest_parked_at < now() ORDER BY oldest_parked_at LIMIT 100
                """)
            #expect(gaps.contains("tertib_watermark_gap"), "\(gaps)")
        }
    }
}
