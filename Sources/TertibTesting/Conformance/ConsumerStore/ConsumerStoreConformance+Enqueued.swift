import TertibRuntime
import TertibCore

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
