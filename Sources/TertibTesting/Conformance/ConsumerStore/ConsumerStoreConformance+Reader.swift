import TertibRuntime
import TertibCore

extension ConsumerStoreConformance {
    static var readerChecks: [Check] {
        [
            check("watermarks are paged in byte order over all aggregates, each once") { store in
                let names = try ["order/9", "order/10", "product/\u{e9}", "product/e\u{301}", "product/Z", "product/a"]
                    .map { try Aggregate(parsing: $0) }
                _ = try await claim(names.sorted().map { Watermark(aggregate: $0) }, in: store)
                let consumer = try Sample.consumer()
                var found: [Aggregate] = []
                var page: [Watermark] = []
                repeat {
                    let last = found.last
                    page = try await store.read { try $0.watermarks(consumer, after: last, limit: 4) }
                    try Expect.that(page.count <= 4, "pages of at most 4 rows", found: "\(page.count)")
                    found += page.map(\.aggregate)
                } while !page.isEmpty && found.count <= names.count
                try Expect.equal(found, names.sorted(), "the aggregates, page by page")
            },
            check("parked rows are read of one aggregate or all, the longest parked first") { store in
                let consumer = try Sample.consumer()
                let (first, second) = (try Sample.aggregate("1"), try Sample.aggregate("2"))
                let rows = [
                    try Sample.parked(first, 3, at: later(3)), try Sample.parked(second, 9, at: later(1)),
                    try Sample.parked(first, 4, at: later(2)),
                ]
                _ = try await store.transaction { try $0.park(consumer, rows) }
                let (all, one, two) = try await store.read { reader in
                    (
                        try reader.parkedRows(consumer, of: nil, limit: 10),
                        try reader.parkedRows(consumer, of: first, limit: 10),
                        try reader.parkedRows(consumer, of: nil, limit: 2)
                    )
                }
                try Expect.equal(all.map(\.version.number), [9, 4, 3], "the versions of all rows")
                try Expect.equal(one.map(\.version.number), [4, 3], "the versions of one aggregate's rows")
                try Expect.equal(two.map(\.version.number), [9, 4], "the versions of the first two rows")
            },
            check("a summary counts aggregates, parked rows, stuck gaps, dead letters and quarantines") { store in
                let consumer = try Sample.consumer()
                try await makeSummarised(store)
                let (summary, earlier) = try await store.read { reader in
                    (
                        try reader.summary(consumer, stuckBefore: later(10)),
                        try reader.summary(consumer, stuckBefore: later(2))
                    )
                }
                let expected = ConsumerSummary(
                    aggregates: 5, parked: 4, oldestParkedAt: later(1), stuck: 2, behind: 0, deadLetters: 2,
                    quarantined: 1)
                try Expect.equal(summary, expected, "the summary")
                try Expect.equal(earlier.stuck, 1, "the gaps parked before an earlier time")
            },
            check("a consumer that has nothing has a summary of zeros") { store in
                let summary = try await store.read { reader in
                    try reader.summary(try Sample.consumer(), stuckBefore: Sample.instant)
                }
                let expected = ConsumerSummary(
                    aggregates: 0, parked: 0, oldestParkedAt: nil, stuck: 0, behind: 0, deadLetters: 0, quarantined: 0)
                try Expect.equal(summary, expected, "the summary")
            },
        ]
    }

    /// Five aggregates: one at rest, two in a gap (parked at 1 and 5 s), one quarantined (parked at 3 s), one in a gap
    /// that is young (parked at 20 s); two open dead letters; and another consumer's rows, which must not count.
    private static func makeSummarised(_ store: any ConsumerStore) async throws {
        let consumer = try Sample.consumer()
        let situations: [(String, AggregateStatus, Timestamp?)] = [
            ("rest", .ok, nil), ("gap-1", .gap, later(1)), ("gap-2", .gap, later(5)),
            ("poison", .quarantined, later(3)), ("young", .gap, later(20)),
        ]
        for (id, status, time) in situations {
            let row = Watermark(aggregate: try Sample.aggregate(id), parked: time == nil ? 0 : 1, status: status)
            _ = try await stored(row, in: store)
            guard let time else { continue }
            let parked = try Sample.parked(row.aggregate, 5, at: time)
            _ = try await store.transaction { try $0.park(consumer, [parked]) }
        }
        let poison = try Sample.aggregate("poison")
        try await keep(
            [
                try Sample.deadLetter(poison, version: .first, sequence: 1),
                try Sample.deadLetter(nil, version: nil, sequence: 2, reason: .malformed),
                try Sample.deadLetter(nil, version: nil, sequence: 3, reason: .malformed),
            ], in: store)
        try await store.transaction { transaction in
            _ = try transaction.execute(ConformanceSQL.resolveDeadLetter, arguments: [.integer(3)])
            let other = try Sample.consumer("payments")
            _ = try transaction.claim(other, [Watermark(aggregate: try Sample.aggregate("rest"))])
            _ = try transaction.park(other, [try Sample.parked(try Sample.aggregate("rest"), 9)])
        }
    }
}
