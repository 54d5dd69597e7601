import Tertib
import TertibSQLite
import TertibTesting
import Testing

/// The memory store's one writer at a time, on which the simulator rests, is that of the real file.
@Suite("Two transactions on SQLite")
struct PermutationTests {
    @Test("end as they do in memory with one writer at a time, in every fourth order of their steps")
    func oneWriter() async throws {
        let database = try TemporaryDatabase()
        let first = try await database.migrated()
        let second = try await database.open()
        try await first.transaction { transaction in
            for statement in [ConformanceSQL.createLedger, ConformanceSQL.createSample] {
                _ = try transaction.execute(statement, arguments: [])
            }
        }
        // Whoever does not come back while a neighbour's transaction is open waits for it: there is nobody to ask.
        let sqlite = PermutationDatabase(
            "SQLite", isWaiting: { true },
            empty: {
                try await first.transaction { transaction in
                    for table in tables { _ = try transaction.execute("DELETE FROM \(table)", arguments: []) }
                }
                return (first, second)
            })
        // Orders in which the same transaction begins first differ in little here.
        let report = try await Permutations.compare(
            PermutationScript.catalogue, on: .memory(.serial), with: sqlite, stride: 4)
        await first.close()
        await second.close()
        for mismatch in report.mismatches.prefix(5) { Issue.record("\(mismatch)") }
        #expect(report.mismatches.isEmpty, "\(report.mismatches.count) of \(report.interleavings)")
        #expect(report.interleavings >= 400, "the catalogue has shrunk")
        #expect(report.waits > 250, "\(report)")
    }

    private let tables = [
        "tertib_watermark", "tertib_parked", "tertib_dead_letter", "tertib_head", "tertib_outbox", "tertib_consumer",
        "ledger", "sample",
    ]
}
