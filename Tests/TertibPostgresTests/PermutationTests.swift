import Tertib
import TertibPostgres
import TertibTesting
import Testing

/// The memory store's read committed, on which the simulator rests, is that of the real server.
@Suite("Two transactions on PostgreSQL")
struct PermutationTests {
    @Test("end as they do in memory at read committed, in every order of their steps")
    func readCommitted() async throws {
        // A circle of waits is looked for at once, so that the one who closes it is the one who is ended.
        try await withDatabase(settings: ["deadlock_timeout": "1ms"]) { database, store in
            let second = try database.open()
            try await store.transaction { transaction in
                for statement in [ConformanceSQL.createLedger, ConformanceSQL.createSample] {
                    _ = try transaction.execute(statement, arguments: [])
                }
            }
            let postgres = PermutationDatabase(
                "PostgreSQL", claimsEndByThemselves: true, isWaiting: { try await isAnybodyWaiting(store) },
                empty: {
                    try await store.transaction { transaction in
                        for table in tables { _ = try transaction.execute("DELETE FROM \(table)", arguments: []) }
                    }
                    return (store, second)
                })
            let report = try await Permutations.compare(
                PermutationScript.catalogue, on: .memory(.readCommitted), with: postgres)
            await second.close()
            for mismatch in report.mismatches.prefix(5) { Issue.record("\(mismatch)") }
            #expect(report.mismatches.isEmpty, "\(report.mismatches.count) of \(report.interleavings)")
            #expect(report.interleavings >= 1500, "the catalogue has shrunk")
            #expect(report.waits > 50 && report.conflicts > 5 && report.lostClaims > 100, "\(report)")
        }
    }

    private let tables = [
        "tertib_watermark", "tertib_parked", "tertib_dead_letter", "tertib_head", "tertib_outbox", "tertib_consumer",
        "ledger", "sample",
    ]

    private func isAnybodyWaiting(_ observer: PostgresStore) async throws -> Bool {
        try await observer.read { reader in
            let rows = try reader.query(
                """
                SELECT count(*) AS n FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
                WHERE NOT l.granted AND a.datname = current_database()
                """, arguments: [])
            return rows.first?["n"].integer ?? 0 > 0
        }
    }
}
