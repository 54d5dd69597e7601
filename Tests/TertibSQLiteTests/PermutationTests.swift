import Foundation
import TertibRuntime
import TertibSQLite
import Permutations
import TertibTesting
import Testing

/// The memory store's one writer at a time, on which the simulator rests, is that of the real file.
@Suite("Transactions side by side on SQLite")
struct PermutationTests {
    @Test(
        "Two transactions side by side on SQLite end as they do in memory with one writer at a time, in every fourth order of their steps"
    )
    func two() async throws {
        // Orders in which the same transaction begins first differ in little here.
        let report = try await compare(PermutationScript.catalogue, stride: 4, limit: .max)
        #expect(report.interleavings >= 400, "the catalogue has shrunk")
        #expect(report.waits > 250, "\(report)")
    }

    /// A few orders of each script, or with `TERTIB_PERMUTATIONS=all`, as `make permutations` sets it, some hundred.
    @Test(
        "Three transactions side by side on SQLite end as they do in memory with one writer at a time, whichever of two that wait goes first"
    )
    func three() async throws {
        let isLong = ProcessInfo.processInfo.environment["TERTIB_PERMUTATIONS"] == "all"
        let report = try await compare(PermutationScript.catalogueOfThree, stride: 1, limit: isLong ? 300 : 4)
        #expect(report.interleavings >= (isLong ? 2000 : 45), "the catalogue has shrunk")
        #expect(report.waits > 25 && report.queues > 10, "\(report)")
    }

    private func compare(_ scripts: [PermutationScript], stride: Int, limit: Int) async throws -> PermutationReport {
        let database = try TemporaryDatabase()
        let stores = [try await database.migrated(), try await database.open(), try await database.open()]
        try await stores[0].transaction { transaction in
            for statement in [ConformanceSQL.createLedger, ConformanceSQL.createSample] {
                _ = try transaction.execute(statement, arguments: [])
            }
        }
        // Whoever does not come back while a neighbour's transaction is open waits for it: there is nobody to ask.
        let sqlite = PermutationDatabase(
            "SQLite", waiting: { .max },
            empty: {
                try await stores[0].transaction { transaction in
                    for table in tables { _ = try transaction.execute("DELETE FROM \(table)", arguments: []) }
                }
                return stores
            })
        let report = try await Permutations.compare(
            scripts, on: .memory(.serial), with: sqlite, stride: stride, limit: limit)
        for store in stores { await store.close() }
        for mismatch in report.mismatches.prefix(5) { Issue.record("\(mismatch)") }
        #expect(report.mismatches.isEmpty, "\(report.mismatches.count) of \(report.interleavings)")
        return report
    }

    private let tables = [
        "tertib_watermark", "tertib_parked", "tertib_dead_letter", "tertib_head", "tertib_outbox", "tertib_consumer",
        "ledger", "sample",
    ]
}
