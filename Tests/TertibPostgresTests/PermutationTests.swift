import Foundation
import TertibRuntime
import TertibPostgres
import Permutations
import TertibTesting
import Testing

/// The memory store's read committed, on which the simulator rests, is that of the real server.
@Suite("Transactions side by side on PostgreSQL")
struct PermutationTests {
    @Test(
        "Two transactions side by side on PostgreSQL end as they do in memory at read committed, in every order of their steps"
    )
    func two() async throws {
        let report = try await compare(PermutationScript.catalogue, limit: .max)
        #expect(report.interleavings >= 1500, "the catalogue has shrunk")
        #expect(report.waits > 50 && report.conflicts > 5 && report.lostClaims > 100, "\(report)")
    }

    /// Their orders are many: a part of them, or with `TERTIB_PERMUTATIONS=all`, as `make permutations` sets it, all of
    /// most scripts and several thousand of the others.
    @Test(
        "Three transactions side by side on PostgreSQL end as they do in memory at read committed, those in a circle of waits included"
    )
    func three() async throws {
        let isLong = ProcessInfo.processInfo.environment["TERTIB_PERMUTATIONS"] == "all"
        let report = try await compare(PermutationScript.catalogueOfThree, limit: isLong ? 4000 : 12)
        #expect(report.interleavings >= (isLong ? 10_000 : 150), "the catalogue has shrunk")
        #expect(report.waits > 20 && report.queues > 4 && report.conflicts > 2, "\(report)")
    }

    private func compare(_ scripts: [PermutationScript], limit: Int) async throws -> PermutationReport {
        // A circle of waits is looked for at once, so that the one who closes it is the one who is ended.
        try await withDatabase(settings: ["deadlock_timeout": "1ms"]) { database, store in
            let others = [try database.open(), try database.open()]
            try await store.transaction { transaction in
                for statement in [ConformanceSQL.createLedger, ConformanceSQL.createSample] {
                    _ = try transaction.execute(statement, arguments: [])
                }
            }
            let postgres = PermutationDatabase(
                "PostgreSQL", claimsEndByThemselves: true, waiting: { try await waitingTransactions(store) },
                empty: {
                    try await store.transaction { transaction in
                        for table in tables { _ = try transaction.execute("DELETE FROM \(table)", arguments: []) }
                    }
                    return [store] + others
                })
            let report = try await Permutations.compare(
                scripts, on: .memory(.readCommitted), with: postgres, limit: limit)
            for other in others { await other.close() }
            for mismatch in report.mismatches.prefix(5) { Issue.record("\(mismatch)") }
            #expect(report.mismatches.isEmpty, "\(report.mismatches.count) of \(report.interleavings)")
            return report
        }
    }

    private let tables = [
        "tertib_watermark", "tertib_parked", "tertib_dead_letter", "tertib_head", "tertib_outbox", "tertib_consumer",
        "ledger", "sample",
    ]

    private func waitingTransactions(_ observer: PostgresStore) async throws -> Int {
        try await observer.read { reader in
            let rows = try reader.query(
                """
                SELECT count(DISTINCT l.pid) AS n FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
                WHERE NOT l.granted AND a.datname = current_database()
                """, arguments: [])
            return Int(rows.first?["n"].integer ?? 0)
        }
    }
}
