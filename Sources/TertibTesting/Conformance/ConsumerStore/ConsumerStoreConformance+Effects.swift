import TertibRuntime
import TertibCore

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
            check("execute tells how many rows it changed") { store in
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
