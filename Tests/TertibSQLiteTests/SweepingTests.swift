import TertibRuntime
import TertibCore
import TertibSQLite
import Testing

@Suite("What the sweeper finds by its indexes")
struct SweepingTests {
    private struct Finding: Equatable {
        var leftovers: [SQLValue]
        var gaps: [SQLValue]
    }

    /// Compared after every transaction with what a look at all rows finds, in whatever order they were written.
    @Test("The sweeper finds by its indexes what a search of every row finds", arguments: 0..<4 as Range<UInt64>)
    func complete(seed: UInt64) async throws {
        let time = TestTime()
        try await withStore(time: time) { store in
            var random = SeededGenerator(seed: seed)
            var found = Finding(leftovers: [], gaps: [])
            for _ in 0..<150 {
                let step = random
                try await store.transaction { transaction in
                    var random = step
                    for _ in 0..<Int.random(in: 1...3, using: &random) { try change(transaction, &random) }
                }
                _ = random.next()
                time.advance(by: .seconds(1))
                let limit = time.wall.advanced(by: .seconds(-20))
                let (byIndex, byHand) = try await store.transaction { transaction in
                    (try Self.byIndex(transaction, before: limit), try Self.byHand(transaction, before: limit))
                }
                #expect(byIndex == byHand, "seed \(seed)")
                found.leftovers += byHand.leftovers
                found.gaps += byHand.gaps
            }
            #expect(found.leftovers.count > 20, "the walk must meet leftovers")
            #expect(found.gaps.count > 20, "the walk must meet gaps")
        }
    }

    private func change(_ transaction: any StoreTransaction, _ random: inout SeededGenerator) throws {
        let consumer = try Samples.consumer()
        let aggregate = try Samples.aggregate("\(UInt64.random(in: 0..<6, using: &random))")
        let version = Int64.random(in: 1...12, using: &random)
        let now = try transaction.now()
        let row = try Samples.parked(
            aggregate, version, at: now.advanced(by: .seconds(-Int64.random(in: 0...30, using: &random))))
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1: _ = try transaction.park(consumer, [row])
        case 2: try transaction.replaceParked(consumer, row)
        case 3: _ = try transaction.deleteParked(consumer, of: aggregate, through: row.version)
        default:
            let before = try transaction.watermarks(consumer, of: [aggregate])[aggregate]
            guard
                var after = try transaction.claim(consumer, [before ?? Watermark(aggregate: aggregate)])[aggregate]
            else { return }
            after.version = try Samples.version(version - 1)
            after.status = AggregateStatus.allCases.randomElement(using: &random) ?? .ok
            try transaction.write(consumer, [after])
        }
    }

    private static func byIndex(_ transaction: any StoreTransaction, before limit: Timestamp) throws -> Finding {
        let consumer = try Samples.consumer()
        return Finding(
            leftovers: try transaction.leftoverDrains(consumer, limit: 99).map { .text("\($0.id)") },
            gaps: try transaction.gaps(consumer, parkedBefore: limit, limit: 99).map { gap in
                .text("\(gap.aggregate.id) \(gap.watermark) \(gap.lowestParked) \(gap.oldestParkedAt)")
            }.sorted { "\($0)" < "\($1)" })
    }

    private static func byHand(_ transaction: any StoreTransaction, before limit: Timestamp) throws -> Finding {
        let leftovers = try transaction.query(
            """
            SELECT w.aggregate_id AS found FROM tertib_watermark w JOIN tertib_parked p USING (aggregate_id)
            WHERE w.status IN ('ok', 'gap') AND p.version = w.version + 1 ORDER BY w.aggregate_id
            """, arguments: [])
        let gaps = try transaction.query(
            """
            SELECT w.aggregate_id || ' ' || w.version || ' ' || min(p.version) || ' ' || min(p.parked_at) AS found
            FROM tertib_watermark w JOIN tertib_parked p USING (aggregate_id)
            WHERE w.status IN ('ok', 'gap', 'stuck') GROUP BY w.aggregate_id
            HAVING min(p.version) > w.version + 1 AND min(p.parked_at) < ?
            """, arguments: [.text("\(limit)")])
        return Finding(
            leftovers: leftovers.map { $0["found"] },
            gaps: gaps.map { $0["found"] }.sorted { "\($0)" < "\($1)" })
    }
}
