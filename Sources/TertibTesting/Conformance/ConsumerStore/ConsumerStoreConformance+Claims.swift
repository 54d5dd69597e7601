import TertibRuntime
import TertibCore

extension ConsumerStoreConformance {
    static var claimChecks: [Check] {
        [
            check("a claim of an aggregate without a row inserts one, with revision 1") { store in
                let aggregate = try Sample.aggregate("42")
                let won = try await claim([Watermark(aggregate: aggregate, generation: 3)], in: store)
                let expected = Watermark(aggregate: aggregate, generation: 3, revision: 1)
                try Expect.equal(won, [aggregate: expected], "the rows won")
                try await expectRow(expected, in: store)
            },
            check("a claim of a row as it is wins it, and changes nothing but the revision") { store in
                var row = try await stored(try fullWatermark("42"), in: store)
                let won = try await claim([row], in: store)
                row.revision += 1
                try Expect.equal(won, [row.aggregate: row], "the rows won")
                try await expectRow(row, in: store)
            },
            check("a claim returns the row as the database has it, not as the caller believes") { store in
                let row = try await stored(try fullWatermark("42"), in: store)
                let belief = Watermark(aggregate: row.aggregate, version: row.version, revision: row.revision)
                let won = try await claim([belief], in: store)
                try Expect.equal(won[row.aggregate]?.status, row.status, "the status")
                try Expect.equal(won[row.aggregate]?.parked, row.parked, "the count of parked rows")
                try Expect.equal(won[row.aggregate]?.eventID, row.eventID, "the event id")
            },
            check("a claim with another version than the row has is lost, and changes nothing") { store in
                let row = try await stored(try fullWatermark("42"), in: store)
                var stale = row
                stale.version = try Expect.some(row.version.previous, "a version before")
                try Expect.equal(try await claim([stale], in: store), [:], "the rows won")
                try await expectRow(row, in: store)
            },
            check("a claim with another revision than the row has is lost, and changes nothing") { store in
                let first = try await stored(try fullWatermark("42"), in: store)
                let won = try await claim([first], in: store)
                let row = try Expect.some(won[first.aggregate], "the row to be won once")
                for revision in [row.revision - 1, row.revision + 1] {
                    var other = row
                    other.revision = revision
                    try Expect.equal(try await claim([other], in: store), [:], "the rows won with \(revision)")
                    try await expectRow(row, in: store)
                }
            },
            check("a claim of a new row is lost where there is one already") { store in
                let row = try await stored(try fullWatermark("42"), in: store)
                let won = try await claim([Watermark(aggregate: row.aggregate)], in: store)
                try Expect.equal(won, [:], "the rows won")
                try await expectRow(row, in: store)
            },
            check("a claim of an existing row is lost where there is none") { store in
                let aggregate = try Sample.aggregate("42")
                let won = try await claim([Watermark(aggregate: aggregate, revision: 2)], in: store)
                try Expect.equal(won, [:], "the rows won")
                let row = try await store.read { try $0.watermark(try Sample.consumer(), of: aggregate) }
                try Expect.that(row == nil, "no row", found: "\(String(describing: row))")
            },
            check("what is lost is left out of a claim, and the rest is won") { store in
                let kept = try await stored(try fullWatermark("1"), in: store)
                var changed = try await stored(try fullWatermark("2"), in: store)
                changed.revision += 5
                let fresh = Watermark(aggregate: try Sample.aggregate("3"))
                let taken = try await stored(try fullWatermark("4"), in: store)
                let won = try await claim(
                    [kept, changed, fresh, Watermark(aggregate: taken.aggregate)], in: store)
                try Expect.equal(
                    won.keys.sorted(), [kept.aggregate, fresh.aggregate], "the aggregates won")
            },
            check("a claim of many rows, new and existing, wins them all") { store in
                let old = try Sample.each(0..<300) { Watermark(aggregate: try Sample.aggregate("old-\($0)")) }
                let won = try await claim(old, in: store)
                try Expect.equal(won.count, 300, "the new rows won")
                let fresh = try Sample.each(0..<300) { Watermark(aggregate: try Sample.aggregate("new-\($0)")) }
                let both = try await claim(
                    (Array(won.values) + fresh).sorted { $0.aggregate < $1.aggregate }, in: store)
                try Expect.equal(both.count, 600, "the rows won")
                let second = both.values.filter { $0.revision == 2 }
                try Expect.equal(second.count, 300, "the rows claimed for the second time")
            },
            check("a second claim within one transaction sees the first") { store in
                let aggregate = try Sample.aggregate("42")
                let consumer = try Sample.consumer()
                let (again, stale) = try await store.transaction { transaction in
                    let first = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                    let stale = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                    return (try transaction.claim(consumer, Array(first.values)), stale)
                }
                try Expect.equal(again[aggregate]?.revision, 2, "the revision after the second claim")
                try Expect.equal(stale, [:], "the rows won by claiming what this transaction has inserted")
            },
            check("a claim of nothing wins nothing") { store in
                try Expect.equal(try await claim([], in: store), [:], "the rows won")
            },
            check("ids are kept apart byte by byte, and hostile ones are only data") { store in
                let ids = ["\u{e9}", "e\u{301}", "'; DROP TABLE tertib_watermark; --", "%", "_", "a/b.*>", "42 ", "42"]
                let long = String(repeating: "\u{1F6D2}", count: 32)
                let rows = try Sample.each(ids + [long]) { Watermark(aggregate: try Sample.aggregate($0)) }
                let won = try await claim(rows.sorted { $0.aggregate < $1.aggregate }, in: store)
                try Expect.equal(won.count, rows.count, "the rows won")
                for row in rows {
                    let consumer = try Sample.consumer()
                    let found = try await store.transaction {
                        try $0.watermarks(consumer, of: [row.aggregate])
                    }
                    try Expect.equal(Array(found.keys), [row.aggregate], "the rows of \(row.aggregate)")
                }
            },
            check("consumers have rows of their own") { store in
                let row = try await stored(try fullWatermark("42"), in: store)
                let other = try Sample.consumer("payments")
                let won = try await store.transaction {
                    try $0.claim(other, [Watermark(aggregate: row.aggregate)])
                }
                try Expect.equal(won[row.aggregate]?.version, AggregateVersion.none, "the other consumer's version")
                try await expectRow(row, in: store)
            },
        ]
    }

    /// A watermark none of whose columns has its default.
    static func fullWatermark(_ id: String, status: AggregateStatus = .retrying) throws -> Watermark {
        Watermark(
            aggregate: try Sample.aggregate(id), version: try Sample.version(7), eventID: try Sample.event("event-7"),
            streamSequence: StreamSequence(1007), parked: 3, status: status, generation: 2)
    }

    static func claim(
        _ expected: [Watermark], in store: any ConsumerStore
    ) async throws -> [Aggregate: Watermark] {
        let consumer = try Sample.consumer()
        return try await store.transaction { try $0.claim(consumer, expected) }
    }

    /// Makes a row with these columns, and returns it with the revision that it got.
    static func stored(_ watermark: Watermark, in store: any ConsumerStore) async throws -> Watermark {
        let consumer = try Sample.consumer()
        return try await store.transaction { transaction in
            let fresh = Watermark(aggregate: watermark.aggregate, generation: watermark.generation)
            let won = try transaction.claim(consumer, [fresh])
            var row = watermark
            row.revision = try Expect.some(won[watermark.aggregate], "a new row to be won").revision
            try transaction.write(consumer, [row])
            return row
        }
    }

    static func expectRow(
        _ expected: Watermark, in store: any ConsumerStore, file: StaticString = #fileID, line: UInt = #line
    ) async throws {
        let consumer = try Sample.consumer()
        let row = try await store.read { try $0.watermark(consumer, of: expected.aggregate) }
        try Expect.equal(row, expected, "the stored row", file: file, line: line)
    }
}
