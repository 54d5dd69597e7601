import TertibRuntime
import TertibCore

extension ConsumerStoreConformance {
    static var isolationChecks: [Check] {
        [
            checkReplicas("a reader sees what has committed, and nothing else, without waiting") { writer, other in
                let (consumer, aggregate) = (try Sample.consumer(), try Sample.aggregate("42"))
                let (claimed, read) = (Gate(), Gate())
                async let writing: Void = writer.transaction { transaction in
                    _ = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                    claimed.open()
                    try read.waitOnThread(atMost: .seconds(20), for: "the other replica's read")
                }
                try await claimed.wait(atMost: .seconds(20), for: "the claim")
                let during = try await other.read { try $0.watermark(consumer, of: aggregate) }
                read.open()
                try await writing
                let after = try await other.read { try $0.watermark(consumer, of: aggregate) }
                try Expect.that(during == nil, "no uncommitted row to be read", found: "\(String(describing: during))")
                try Expect.that(after != nil, "the committed row to be read")
            },
            checkReplicas("a reader's snapshot does not move") { writer, other in
                let consumer = try Sample.consumer()
                let (started, committed) = (Gate(), Gate())
                async let counts = other.read { reader in
                    let before = try reader.summary(consumer, stuckBefore: Sample.instant).aggregates
                    started.open()
                    try committed.waitOnThread(atMost: .seconds(20), for: "the other replica's commit")
                    return [before, try reader.summary(consumer, stuckBefore: Sample.instant).aggregates]
                }
                try await started.wait(atMost: .seconds(20), for: "the reader to start")
                _ = try await claim([Watermark(aggregate: try Sample.aggregate("42"))], in: writer)
                committed.open()
                try Expect.equal(try await counts, [0, 0], "the rows seen before and after a neighbour's commit")
            },
            checkReplicas("a row that a neighbour holds is never claimed too") { first, second in
                let row = try await stored(try fullWatermark("42"), in: first)
                try await expectNeighbourLoses(row, between: first, and: second)
            },
            checkReplicas("a new row that a neighbour is inserting is never claimed too") { first, second in
                let row = Watermark(aggregate: try Sample.aggregate("42"))
                try await expectNeighbourLoses(row, between: first, and: second)
            },
            checkReplicas("a row whose holder rolled back can be claimed as it was") { first, second in
                let row = try await stored(try fullWatermark("42"), in: first)
                let consumer = try Sample.consumer()
                _ = try await Expect.failure(BodyFailure.self, "the body's failure") {
                    try await first.transaction { transaction in
                        _ = try transaction.claim(consumer, [row])
                        throw BodyFailure()
                    }
                }
                let won = try await claim([row], in: second)
                try Expect.equal(won[row.aggregate]?.revision, row.revision + 1, "the revision won")
            },
            checkReplicas("a transaction sees what a neighbour committed before its statement") { first, second in
                let row = Watermark(aggregate: try Sample.aggregate("42"))
                _ = try await claim([row], in: first)
                let consumer = try Sample.consumer()
                let found = try await second.transaction { try $0.watermarks(consumer, of: [row.aggregate]) }
                try Expect.equal(found[row.aggregate]?.revision, 1, "the revision seen")
            },
        ]
    }

    /// The first transaction claims and stays open while the second tries: on a database with one writer the second
    /// cannot even begin, so the first gives it a moment only and then goes on.
    private static func expectNeighbourLoses(
        _ row: Watermark, between first: any ConsumerStore, and second: any ConsumerStore
    ) async throws {
        let consumer = try Sample.consumer()
        let (claimed, tried) = (Gate(), Gate())
        async let winner = first.transaction { transaction in
            let won = try transaction.claim(consumer, [row])
            claimed.open()
            _ = tried.waitOnThread(atMost: .milliseconds(300))
            return won
        }
        try await claimed.wait(atMost: .seconds(20), for: "the first claim")
        var lost: [Aggregate: Watermark] = [:]
        do {
            lost = try await second.transaction { transaction in
                let won = try transaction.claim(consumer, [row])
                tried.open()
                return won
            }
        } catch let error as StoreError where error.code == .conflict {
            tried.open()
        }
        try Expect.equal(try await winner.count, 1, "the rows that the first won")
        try Expect.equal(lost, [:], "the rows that the second won")
        let found = try await first.read { try $0.watermark(consumer, of: row.aggregate) }
        try Expect.equal(found?.revision, row.revision + 1, "the revision after one claim")
    }
}
