import TertibRuntime
import TertibCore

extension ConsumerStoreConformance {
    static var writeChecks: [Check] {
        [
            check("a write changes every column but the revision") { store in
                let full = try fullWatermark("42")
                let row = try await stored(full, in: store)
                try Expect.equal(row.revision, 1, "the revision after claim and write")
                try await expectRow(row, in: store)
            },
            check("a write leaves the revision as the claim set it, whatever it is given") { store in
                let consumer = try Sample.consumer()
                let aggregate = try Sample.aggregate("42")
                try await store.transaction { transaction in
                    _ = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                    try transaction.write(consumer, [Watermark(aggregate: aggregate, version: .first, revision: 99)])
                }
                try await expectRow(Watermark(aggregate: aggregate, version: .first, revision: 1), in: store)
            },
            check("every status survives, and an event id can be taken back") { store in
                let consumer = try Sample.consumer()
                for status in AggregateStatus.allCases {
                    let row = try await stored(try fullWatermark(status.rawValue, status: status), in: store)
                    try await expectRow(row, in: store)
                    let bare = Watermark(aggregate: row.aggregate, status: status, revision: row.revision + 1)
                    try await store.transaction { transaction in
                        _ = try transaction.claim(consumer, [row])
                        try transaction.write(consumer, [bare])
                    }
                    try await expectRow(bare, in: store)
                }
            },
            check("the highest version and sequence survive") { store in
                let row = Watermark(
                    aggregate: try Sample.aggregate("42"), version: .highest,
                    streamSequence: StreamSequence(UInt64(Int64.max)))
                try await expectRow(try await stored(row, in: store), in: store)
            },
            check("the watermarks of many aggregates are read at once, and those without a row left out") { store in
                let rows = try Sample.each(0..<1200) { Watermark(aggregate: try Sample.aggregate("id-\($0)")) }
                let consumer = try Sample.consumer()
                let asked = rows.map(\.aggregate) + [try Sample.aggregate("absent")]
                let (found, none) = try await store.transaction { transaction in
                    _ = try transaction.claim(consumer, rows.sorted { $0.aggregate < $1.aggregate })
                    return (
                        try transaction.watermarks(consumer, of: asked), try transaction.watermarks(consumer, of: [])
                    )
                }
                try Expect.equal(found.count, 1200, "the rows read")
                try Expect.that(found.allSatisfy { $0.key == $0.value.aggregate }, "each row under its aggregate")
                try Expect.equal(none, [:], "the rows of no aggregate")
            },
        ]
    }
}
