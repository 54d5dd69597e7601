import TertibRuntime
import TertibCore
import TertibSQLite
import Testing

@Suite("The outbox")
struct OutboxTests {
    @Test(
        "The outbox gives out a row again that was taken under a clock ten years ahead, and no row that is held for a minute"
    )
    func clock() async throws {
        let time = TestTime()
        try await withStore(time: time) { store in
            try await stage("1", 1...1, in: store)
            try await stage("2", 1...1, in: store)
            time.advance(by: .seconds(10 * 365 * 86_400))
            #expect(try await take(in: store) == ["1@1", "2@1"])
            time.advance(by: .seconds(-10 * 365 * 86_400))
            let rows = try await store.read { try $0.outboxRows(of: nil, limit: 9) }
            let now = time.wall
            try await store.transaction { transaction in
                for row in rows where row.aggregate.id.text == "2" {
                    try transaction.releaseOutbox(row, notBefore: now.advanced(by: .seconds(60)))
                }
            }
            try await expectTaken(["1@1"], in: store)
        }
    }

    @Test("The outbox gives out rows that were given back before new ones, so that a steady flow starves nothing")
    func fairness() async throws {
        let time = TestTime()
        try await withStore(time: time) { store in
            try await stage("first", 1...1, in: store)
            try await expectTaken(["first@1"], in: store)
            time.advance(by: .seconds(60))
            for id in 1...5 { try await stage("\(id)", 1...1, in: store) }
            try await expectTaken(["first@1", "1@1"], limit: 2, in: store)
        }
    }

    @Test("The outbox gives out an aggregate's rows one after the other, also those published in a run")
    func runs() async throws {
        try await withStore { store in
            try await stage("1", 1...5, in: store)
            try await expectTaken(["1@1"], in: store)
            let rows = try await store.read { try $0.outboxRows(of: try Samples.aggregate("1"), limit: 9) }
            try await store.transaction { transaction in
                let now = try transaction.now()
                for row in rows.prefix(3) {
                    try transaction.markPublished(row, at: StreamSequence(UInt64(row.version.number)), now: now)
                }
                try transaction.releaseOutbox(rows[4], notBefore: now.advanced(by: .seconds(-1)))
            }
            try await expectTaken(["1@4"], in: store)
            try await expectTaken([], in: store)
        }
    }

    private func stage(_ id: String, _ versions: ClosedRange<Int64>, in store: SQLiteStore) async throws {
        let aggregate = try Samples.aggregate(id)
        try await store.transaction { transaction in
            for number in versions {
                let head = try transaction.head(of: aggregate)
                let next = AggregateHead(aggregate: aggregate, version: try Samples.version(number))
                guard try transaction.compareAndSetHead(head, to: next) else { throw Refusal() }
                try transaction.insertOutbox(try Samples.staged(aggregate, number, at: try transaction.now()))
            }
        }
    }

    private func take(limit: Int = 9, in store: SQLiteStore) async throws -> [String] {
        try await store.transaction { transaction in
            try transaction.claimOutbox(now: try transaction.now(), lease: .seconds(30), limit: limit)
                .map { "\($0.row.aggregate.id)@\($0.row.version)" }
        }
    }

    private func expectTaken(
        _ rows: [String], limit: Int = 9, in store: SQLiteStore, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let taken = try await take(limit: limit, in: store)
        #expect(taken == rows, sourceLocation: sourceLocation)
    }
}
