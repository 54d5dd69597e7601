import TertibRuntime
import TertibCore

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
                let consumer = try Sample.consumer()
                let aggregate = try Sample.aggregate("42")
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
