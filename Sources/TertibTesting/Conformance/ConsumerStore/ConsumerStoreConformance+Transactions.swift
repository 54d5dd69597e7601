import TertibRuntime
import TertibCore

extension ConsumerStoreConformance {
    static var transactionChecks: [Check] {
        [
            check("what a transaction wrote is there after it, and its result is returned") { store in
                let aggregate = try Sample.aggregate("42")
                let consumer = try Sample.consumer()
                let won = try await store.transaction {
                    try $0.claim(consumer, [Watermark(aggregate: aggregate)]).count
                }
                try Expect.equal(won, 1, "the body's result")
                let row = try await store.read { try $0.watermark(consumer, of: aggregate) }
                try Expect.equal(row?.revision, 1, "the committed row's revision")
            },
            check("a body that throws rolls everything back, and its error is thrown on") { store in
                let aggregate = try Sample.aggregate("42")
                let consumer = try Sample.consumer()
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
                let aggregate = try Sample.aggregate("42")
                let consumer = try Sample.consumer()
                let crash = Crash(at: CrashSite(.batchCommit, .before))
                _ = try await Expect.failure(StoreError.self, "the crash") {
                    try await CrashingStore(store, isAlive: crash.isAlive).transaction { transaction in
                        _ = try transaction.claim(consumer, [Watermark(aggregate: aggregate)])
                    }
                }
                try await expectNothing(about: aggregate, for: consumer, in: store)
            },
            check("a crash after the commit leaves everything that was written") { store in
                let (aggregate, consumer) = (try Sample.aggregate("42"), try Sample.consumer())
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
                    let count = try await store.transaction { try $0.parkedCount(try Sample.consumer()) }
                    try Expect.equal(count, 0, "the rows parked in a new database")
                    await store.close()
                }
            },
            check("migrating keeps what is there") { store in
                let aggregate = try Sample.aggregate("42")
                let consumer = try Sample.consumer()
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
