import TertibCore
import TertibRuntime

extension ConsumerStoreConformance {
    static var transactionChecks: [Check] {
        [
            check("what a transaction wrote is there after it, and its result is returned") { store in
                let won = try await store.transaction {
                    try $0.claim(consumer, [Watermark(aggregate: aggregate)]).count
                }
                try Expect.equal(won, 1, "the body's result")
                let row = try await store.read { try $0.watermark(consumer, of: aggregate) }
                try Expect.equal(row?.revision, 1, "the committed row's revision")
            },
            check("a body that throws rolls everything back, and its error is thrown on") { store in
                let failure = try await Expect.failure(BodyFailure.self, "the body's own error") {
                    try await store.transaction { transaction in
                        _ = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                        _ = try transaction.park(consumer, [try Sample.parked(aggregate, 3)])
                        try transaction.insertOutbox(try Sample.outboxRow(aggregate, 1))
                        throw BodyFailure()
                    }
                }
                try Expect.equal(failure, BodyFailure(), "the error")
                try await expectNothing(about: aggregate, for: consumer, in: store)
            },
            check("a crash before the commit leaves nothing behind") { store in
                let crash = Crash(at: CrashSite(.batchCommit, .before))
                _ = try await Expect.failure(StoreError.self, "the crash") {
                    try await CrashingStore(store, isAlive: crash.isAlive).transaction { transaction in
                        _ = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                    }
                }
                try await expectNothing(about: aggregate, for: consumer, in: store)
            },
            check("a crash after the commit leaves everything that was written") { store in
                let crash = Crash(at: CrashSite(.batchCommit, .after))
                _ = try await Expect.failure(StoreError.self, "the crash") {
                    try await CrashingStore(store, isAlive: crash.isAlive).transaction { transaction in
                        _ = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                    }
                }
                let row = try await store.read { try $0.watermark(consumer, of: aggregate) }
                try Expect.that(row != nil, "the row to be there after the crash")
            },
            check("the database's clock stands near some time of this century and never goes back") { store in
                let first = try await store.transaction { try $0.now() }
                let second = try await store.read { try $0.now() }
                try Expect.that(
                    first.microseconds > 946_684_800_000_000, "a time after the year 2000", found: "\(first)")
                try Expect.that(first <= second, "the clock not to go back", found: "\(first), then \(second)")
            },
            Check("migrating is safe twice, and from several replicas at once") { fixture in
                let stores = [try await fixture.opened(), try await fixture.opened(), try await fixture.opened()]
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for store in stores {
                        group.addTask {
                            try await store.migrate()
                            try await store.migrate()
                        }
                    }
                    try await group.waitForAll()
                }
                for store in stores {
                    let count = try await store.transaction { try $0.parkedCount(consumer) }
                    try Expect.equal(count, 0, "the rows parked in a new database")
                    await store.close()
                }
            },
            check("migrating keeps what is there") { store in
                _ = try await store.transaction { try $0.claim(consumer, [Watermark(aggregate: aggregate)]).count }
                try await store.migrate()
                let row = try await store.read { try $0.watermark(consumer, of: aggregate) }
                try Expect.that(row != nil, "the row to be there after a second migration")
            },
            check("closing twice is closing once") { store in
                await store.close()
                await store.close()
            },
        ]
    }

    private static func expectNothing(
        about aggregate: Aggregate, for consumer: ConsumerName, in store: any ConsumerStore
    ) async throws {
        let (row, parked, outbox) = try await store.read { reader in
            (
                try reader.watermark(consumer, of: aggregate),
                try reader.parkedRows(consumer, of: nil, limit: 10), try reader.outboxSummary()
            )
        }
        try Expect.that(row == nil, "no watermark", found: "\(String(describing: row))")
        try Expect.equal(parked.count, 0, "the parked rows")
        try Expect.equal(outbox.rows, 0, "the outbox rows")
    }
}

extension ConsumerStoreConformance {
    static var effectChecks: [Check] {
        [
            check("every kind of value comes back as it was given") { store in
                let rows: [[SQLValue]] = [
                    [.integer(1), .integer(.max), .double(0.1), .text("plain")],
                    [.integer(2), .integer(.min), .double(-1e300), .text("'; DROP TABLE sample; --")],
                    [.integer(3), .null, .null, .null],
                    [.integer(4), .integer(0), .double(0), .text("")],
                    [.integer(5), .integer(-1), .double(5e-300), .text("\u{e9} 🛒 %?$1")],
                ]
                let found = try await store.transaction { transaction in
                    _ = try transaction.execute(ConformanceSQL.createSample, arguments: [])
                    for row in rows {
                        let changed = try transaction.execute(ConformanceSQL.insertSample, arguments: row)
                        try Expect.equal(changed, 1, "the rows that an insert changed")
                    }
                    return try transaction.query(ConformanceSQL.selectSample, arguments: [])
                }
                try Expect.equal(found.count, rows.count, "the rows found")
                for (row, expected) in zip(found, rows) {
                    let values = [row["id"], row["number"], row["fraction"], row["words"]]
                    try Expect.equal(values, expected, "the values of row \(expected[0])")
                }
                try Expect.equal(found[0]["no_such_column"], .null, "a column that is not there")
            },
            check("text is compared by its bytes, not by canonical equivalence") { store in
                let found = try await store.transaction { transaction in
                    try makeSamples(transaction, words: ["\u{e9}", "e\u{301}"])
                    return try transaction.query(
                        ConformanceSQL.selectSampleByWords, arguments: [.text("e\u{301}")])
                }
                try Expect.equal(found.map { $0["id"] }, [.integer(2)], "the rows with the decomposed spelling")
            },
            check("execute returns the number of rows that it changed") { store in
                let (updated, deleted, again) = try await store.transaction { transaction in
                    try makeSamples(transaction, words: ["a", "b", "c"])
                    return (
                        try transaction.execute(ConformanceSQL.updateEverySample, arguments: [.integer(9)]),
                        try transaction.execute(ConformanceSQL.deleteSample, arguments: [.integer(2)]),
                        try transaction.execute(ConformanceSQL.deleteSample, arguments: [.integer(2)])
                    )
                }
                try Expect.equal(updated, 3, "the rows updated")
                try Expect.equal(deleted, 1, "the rows deleted")
                try Expect.equal(again, 0, "the rows deleted again")
            },
            check("a reader runs the service's own queries") { store in
                try await store.transaction { try makeSamples($0, words: ["a", "b"]) }
                let rows = try await store.read { reader in
                    try reader.query(ConformanceSQL.selectSampleByWords, arguments: [.text("b")])
                }
                try Expect.equal(rows.map { $0["id"] }, [.integer(2)], "the rows read")
            },
            check("a statement that fails is the statement's failure, not the database's") { store in
                try await store.transaction { try makeSamples($0, words: ["a"]) }
                let failure = try await Expect.failure(StoreError.self, "a failure of the second insert") {
                    try await store.transaction { transaction in
                        try insertSample(transaction, id: 2, words: "b")
                        try insertSample(transaction, id: 1, words: "again")
                    }
                }
                try Expect.equal(failure.code, .statement, "the code of a unique violation")
                try Expect.that(!failure.isInfrastructure, "a failure that counts against the event")
                let rows = try await store.read { try $0.query(ConformanceSQL.selectSample, arguments: []) }
                try Expect.equal(rows.count, 1, "the rows after the rollback")
            },
            check("a statement on a table that does not exist fails as a statement") { store in
                let failure = try await Expect.failure(StoreError.self, "a failure of the query") {
                    try await store.transaction { transaction in
                        _ = try transaction.query(ConformanceSQL.selectNowhere, arguments: [])
                    }
                }
                try Expect.equal(failure.code, .statement, "the code")
            },
            check("statements that control transactions are refused, and do nothing") { store in
                try await store.transaction { try makeSamples($0, words: ["a"]) }
                for sql in forbidden {
                    _ = try await Expect.failure(BodyFailure.self, "the body to get past \(sql)") {
                        try await store.transaction { transaction in
                            try insertSample(transaction, id: 2, words: "b")
                            try Expect.storeFailure(.forbiddenStatement, "\(sql) to be refused") {
                                try transaction.execute(sql, arguments: [])
                            }
                            throw BodyFailure()
                        }
                    }
                }
                let rows = try await store.read { try $0.query(ConformanceSQL.selectSample, arguments: []) }
                try Expect.equal(rows.count, 1, "the rows after every rollback")
            },
            check("a refused statement leaves the transaction alive, and is no failure of the database") { store in
                let failure = try await store.transaction { transaction in
                    try makeSamples(transaction, words: ["a"])
                    try Expect.storeFailure(.forbiddenStatement, "COMMIT to be refused") {
                        try transaction.execute("COMMIT", arguments: [])
                    }
                    try insertSample(transaction, id: 2, words: "b")
                    return transaction.infrastructureFailure
                }
                try Expect.that(failure == nil, "no infrastructure failure", found: "\(String(describing: failure))")
                let rows = try await store.read { try $0.query(ConformanceSQL.selectSample, arguments: []) }
                try Expect.equal(rows.count, 2, "the rows committed")
            },
        ]
    }

    private static let forbidden = [
        "COMMIT", "ROLLBACK", "BEGIN", "END", "SAVEPOINT mine", "RELEASE mine", "  commit", "\n\tRollback;",
        "-- a remark\nCOMMIT", "/* a remark */ COMMIT", "ROLLBACK TO mine",
    ]

    static func makeSamples(_ transaction: any StoreTransaction, words: [String]) throws {
        _ = try transaction.execute(ConformanceSQL.createSample, arguments: [])
        for (offset, text) in words.enumerated() {
            try insertSample(transaction, id: Int64(offset + 1), words: text)
        }
    }

    static func insertSample(_ transaction: any EffectTransaction, id: Int64, words: String) throws {
        _ = try transaction.execute(
            ConformanceSQL.insertSample, arguments: [.integer(id), .integer(0), .double(0), .text(words)])
    }
}

/// Statements that are enqueued: a store may run them at once, or later and together.
extension ConsumerStoreConformance {
    static var enqueuedChecks: [Check] {
        [
            check("what is enqueued is seen by the statements behind it, and commits") { store in
                let (seen, changed) = try await store.transaction { transaction in
                    _ = try transaction.execute(ConformanceSQL.createSample, arguments: [])
                    try enqueueSample(transaction, id: 1)
                    try enqueueSample(transaction, id: 2)
                    let seen = try transaction.query(ConformanceSQL.selectSample, arguments: []).count
                    try enqueueSample(transaction, id: 3)
                    let changed = try transaction.execute(ConformanceSQL.updateEverySample, arguments: [.integer(1)])
                    try enqueueSample(transaction, id: 4)
                    return (seen, changed)
                }
                try Expect.equal(seen, 2, "the rows that the query saw")
                try Expect.equal(changed, 3, "the rows that the update changed")
                try await expectSamples(4, in: store)
            },
            check("thousands that are enqueued all run, in their order") { store in
                let count = 1500
                let found = try await store.transaction { transaction in
                    try makeSamples(transaction, words: ["a"])
                    for number in 1...count {
                        try transaction.enqueue(ConformanceSQL.addToSample, arguments: [.integer(1), .integer(1)])
                        if number == count / 2 {
                            try transaction.enqueue(ConformanceSQL.updateEverySample, arguments: [.integer(0)])
                        }
                    }
                    try transaction.settle()
                    return try transaction.query(ConformanceSQL.selectSample, arguments: []).first?["number"]
                }
                try Expect.equal(found, .integer(Int64(count - count / 2)), "the number after all of them")
            },
            check("one that fails is thrown as the statement's, and nothing commits") { store in
                try await store.transaction { try makeSamples($0, words: ["a"]) }
                let failure = try await Expect.failure(StoreError.self, "the unique violation") {
                    try await store.transaction { transaction in
                        try enqueueSample(transaction, id: 2)
                        try enqueueSample(transaction, id: 1)
                    }
                }
                try Expect.equal(failure.code, .statement, "the code of a unique violation")
                try await expectSamples(1, in: store)
            },
            check("one that fails is thrown when the transaction settles, at the latest") { store in
                try await store.transaction { try makeSamples($0, words: ["a"]) }
                _ = try await Expect.failure(BodyFailure.self, "the body to get past its failure") {
                    try await store.transaction { transaction in
                        try Expect.storeFailure(.statement, "the unique violation") {
                            try enqueueSample(transaction, id: 1)
                            try transaction.settle()
                        }
                        throw BodyFailure()
                    }
                }
                try await expectSamples(1, in: store)
            },
            check("what a savepoint enqueues goes with it, and what was enqueued before stays") { store in
                try await store.transaction { transaction in
                    try makeSamples(transaction, words: ["a"])
                    try enqueueSample(transaction, id: 2)
                    try undone(transaction) { try enqueueSample(transaction, id: 3) }
                    try Expect.storeFailure(.statement, "the unique violation to leave the savepoint") {
                        try transaction.savepoint {
                            try enqueueSample(transaction, id: 4)
                            try enqueueSample(transaction, id: 1)
                            try transaction.settle()
                        }
                    }
                    try transaction.savepoint { try enqueueSample(transaction, id: 5) }
                }
                let rows = try await store.read { try $0.query(ConformanceSQL.selectSample, arguments: []) }
                try Expect.equal(rows.map { $0["id"] }, [.integer(1), .integer(2), .integer(5)], "the rows kept")
            },
            check("a statement that controls the transaction is refused when it is enqueued") { store in
                try await store.transaction { transaction in
                    try makeSamples(transaction, words: ["a"])
                    try enqueueSample(transaction, id: 2)
                    try Expect.storeFailure(.forbiddenStatement, "COMMIT to be refused") {
                        try transaction.enqueue("COMMIT", arguments: [])
                    }
                }
                try await expectSamples(2, in: store)
            },
        ]
    }

    private static func enqueueSample(_ transaction: any EffectTransaction, id: Int64) throws {
        try transaction.enqueue(
            ConformanceSQL.insertSample, arguments: [.integer(id), .integer(0), .double(0), .text("")])
    }

    private static func expectSamples(_ count: Int, in store: any ConsumerStore) async throws {
        let rows = try await store.read { try $0.query(ConformanceSQL.selectSample, arguments: []) }
        try Expect.equal(rows.count, count, "the rows that are kept")
    }
}

extension ConsumerStoreConformance {
    static var savepointChecks: [Check] {
        [
            check("what a savepoint's body wrote is kept when it returns, and its result is returned") { store in
                let result = try await store.transaction { transaction in
                    try makeSamples(transaction, words: ["a"])
                    return try transaction.savepoint {
                        try insertSample(transaction, id: 2, words: "b")
                        return 7
                    }
                }
                try Expect.equal(result, 7, "the savepoint's result")
                try await expectSamples(["a", "b"], in: store)
            },
            check("what a savepoint's body wrote is undone when it throws, and the rest is kept") { store in
                try await store.transaction { transaction in
                    try makeSamples(transaction, words: ["a"])
                    try undone(transaction) { try insertSample(transaction, id: 2, words: "b") }
                    try insertSample(transaction, id: 3, words: "c")
                }
                try await expectSamples(["a", "c"], in: store)
            },
            check("a savepoint undoes the consumer's own rows too") { store in
                try await store.transaction { transaction in
                    let claimed = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                    try undone(transaction) {
                        var watermark = try Expect.some(claimed[aggregate], "the claimed row")
                        watermark.version = .first
                        try transaction.write(consumer, [watermark])
                        _ = try transaction.park(consumer, [try Sample.parked(aggregate, 3)])
                    }
                }
                let row = try await store.read { try $0.watermark(consumer, of: aggregate) }
                try Expect.equal(row?.version, AggregateVersion.none, "the version after the savepoint was undone")
                let parked = try await store.transaction { try $0.parkedCount(consumer) }
                try Expect.equal(parked, 0, "the parked rows after the savepoint was undone")
            },
            check("a savepoint within a savepoint is undone alone") { store in
                try await store.transaction { transaction in
                    try makeSamples(transaction, words: ["a"])
                    try transaction.savepoint {
                        try insertSample(transaction, id: 2, words: "b")
                        try undone(transaction) { try insertSample(transaction, id: 3, words: "c") }
                        try insertSample(transaction, id: 4, words: "d")
                    }
                }
                try await expectSamples(["a", "b", "d"], in: store)
            },
            check("an outer savepoint undoes what an inner one kept") { store in
                try await store.transaction { transaction in
                    try makeSamples(transaction, words: ["a"])
                    try undone(transaction) {
                        try transaction.savepoint { try insertSample(transaction, id: 2, words: "b") }
                    }
                }
                try await expectSamples(["a"], in: store)
            },
            check("a statement that fails within a savepoint leaves the transaction alive") { store in
                let failure = try await store.transaction { transaction in
                    try makeSamples(transaction, words: ["a"])
                    try Expect.storeFailure(.statement, "a unique violation") {
                        try transaction.savepoint { try insertSample(transaction, id: 1, words: "again") }
                    }
                    try insertSample(transaction, id: 2, words: "b")
                    return transaction.infrastructureFailure
                }
                try Expect.that(failure == nil, "no infrastructure failure", found: "\(String(describing: failure))")
                try await expectSamples(["a", "b"], in: store)
            },
        ]
    }

    /// Runs `body` in a savepoint that is undone.
    static func undone(_ transaction: any StoreTransaction, _ body: () throws -> Void) throws {
        do {
            try transaction.savepoint {
                try body()
                throw BodyFailure()
            }
        } catch is BodyFailure {
            return
        }
        throw ConformanceFailure(
            expected: "the savepoint to throw its body's error on", found: "no error", place: "\(#fileID):\(#line)")
    }

    private static func expectSamples(_ words: [String], in store: any ConsumerStore) async throws {
        let rows = try await store.read { try $0.query(ConformanceSQL.selectSample, arguments: []) }
        try Expect.equal(rows.compactMap { $0["words"].text }, words, "the words of the rows")
    }
}
