import TertibRuntime
import TertibCore

extension ConsumerStoreConformance {
    static var raceChecks: [Check] {
        [
            checkReplicas("of claims that race for one row, exactly one wins, again and again") { first, second in
                var row = Watermark(aggregate: try Sample.aggregate("42"))
                let consumer = try Sample.consumer()
                for round in 1...30 {
                    let expected = row
                    let wins = try await race([first, second, first, second]) { store in
                        try await store.transaction { try $0.claim(consumer, [expected]).count }
                    }
                    try Expect.equal(wins.reduce(0, +), 1, "the winners of round \(round)")
                    row = try Expect.some(
                        try await first.read { try $0.watermark(consumer, of: expected.aggregate) }, "the row")
                    try Expect.equal(row.revision, expected.revision + 1, "the revision after round \(round)")
                }
            },
            checkReplicas("claims of many rows that overlap never win a row twice, and never stop each other") {
                first, second in
                let rows = try Sample.each(0..<40) { Watermark(aggregate: try Sample.aggregate("id-\($0)")) }
                    .sorted { $0.aggregate < $1.aggregate }
                let consumer = try Sample.consumer()
                let wins = try await race([first, second, first, second]) { store in
                    try await store.transaction { transaction in
                        let won = try transaction.claim(consumer, rows)
                        for watermark in won.values.sorted(by: { $0.aggregate < $1.aggregate }) {
                            _ = try transaction.park(consumer, [try Sample.parked(watermark.aggregate, 3)])
                        }
                        return won.count
                    }
                }
                try Expect.equal(wins.reduce(0, +), rows.count, "the rows won by all")
                let parked = try await first.transaction { try $0.parkedCount(consumer) }
                try Expect.equal(parked, rows.count, "the rows parked by the winners")
            },
            checkReplicas("writers that stage at once mint every version once") { first, second in
                let aggregate = try Sample.aggregate("42")
                _ = try await race([first, second, first, second]) { store in
                    for _ in 1...5 { try await stageNext(of: aggregate, in: store) }
                    return 5
                }
                let rows = try await first.read { try $0.outboxRows(of: aggregate, limit: 100) }
                try Expect.equal(rows.map(\.version.number).sorted(), Array(1...20), "the versions staged")
            },
            checkReplicas("relays that run at once never hold one row together") { first, second in
                for id in 1...20 { try await stage(try Sample.aggregate("\(id)"), 1...2, in: first) }
                let taken = Recorder<OutboxRow>()
                _ = try await race([first, second, first, second]) { store in
                    for _ in 1...4 {
                        let claims = try await retryingConflicts { try await takeOutbox(limit: 5, in: store) }
                        for claim in claims { taken.record(claim.row) }
                    }
                    return 0
                }
                try Expect.equal(taken.values.count, 20, "the rows taken")
                try Expect.equal(Set(taken.values).count, 20, "the different rows taken")
            },
            checkReplicas("additions in the database are never lost") { first, second in
                try await first.transaction { try makeSamples($0, words: ["counter"]) }
                _ = try await race([first, second, first, second]) { store in
                    for _ in 1...10 {
                        _ = try await retryingConflicts {
                            try await store.transaction { transaction in
                                try transaction.execute(
                                    ConformanceSQL.addToSample, arguments: [.integer(1), .integer(1)])
                            }
                        }
                    }
                    return 0
                }
                let rows = try await first.read { try $0.query(ConformanceSQL.selectSample, arguments: []) }
                try Expect.equal(rows.map { $0["number"] }, [.integer(40)], "the sum of forty additions")
            },
        ]
    }

    /// Runs `body` on all stores at once; a conflict is a loss.
    private static func race(
        _ stores: [any ConsumerStore], _ body: @escaping @Sendable (any ConsumerStore) async throws -> Int
    ) async throws -> [Int] {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for store in stores {
                group.addTask {
                    do {
                        return try await body(store)
                    } catch let error as StoreError where error.code == .conflict {
                        return 0
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Runs `body` again while it conflicts, a bounded number of times.
    static func retryingConflicts<Result: Sendable>(
        _ body: () async throws -> Result
    ) async throws -> Result {
        for _ in 1..<1000 {
            do {
                return try await body()
            } catch let error as StoreError where error.code == .conflict {
                await Task.yield()
            }
        }
        return try await body()
    }

    private static func stageNext(of aggregate: Aggregate, in store: any ConsumerStore) async throws {
        for _ in 1...1000 {
            let isStaged = try await retryingConflicts {
                try await store.transaction { transaction in
                    let read = try transaction.head(of: aggregate)
                    var head = read ?? AggregateHead(aggregate: aggregate)
                    head.version = try Expect.some(head.version.next, "a next version")
                    head.eventID = try Sample.event("\(aggregate)-\(head.version)")
                    guard try transaction.compareAndSetHead(read, to: head) else { return false }
                    try transaction.insertOutbox(try Sample.outboxRow(aggregate, head.version.number))
                    return true
                }
            }
            if isStaged { return }
        }
        throw ConformanceFailure(
            expected: "one of a thousand attempts to stage to succeed", found: "none", place: "\(#fileID):\(#line)")
    }
}
