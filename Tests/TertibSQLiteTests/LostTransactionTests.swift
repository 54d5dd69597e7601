import GRDB
import TertibRuntime
import TertibCore
import Testing

@testable import TertibSQLite

@Suite("A transaction that SQLite has ended by itself")
struct LostTransactionTests {
    /// Statements that end the transaction they run in.
    enum Ending: String, CaseIterable, Sendable {
        case trigger = "INSERT INTO note (text) VALUES ('forbidden')"
        case conflictClause = "INSERT OR ROLLBACK INTO note (text) VALUES ('first')"
    }

    @Test("is told as lost, and so is everything after it", arguments: Ending.allCases)
    func told(ending: Ending) async throws {
        try await withTrigger { store in
            let codes = Recorded<StoreError.Code?>()
            let failure = await #expect(throws: StoreError.self) {
                try await store.transaction { transaction in
                    try transaction.execute("INSERT INTO note (text) VALUES ('first')", arguments: [])
                    codes.add(code { try transaction.execute(ending.rawValue, arguments: []) })
                    codes.add(code { try transaction.execute("INSERT INTO note (text) VALUES ('x')", arguments: []) })
                    codes.add(code { try transaction.query("SELECT 1", arguments: []) })
                    codes.add(code { try transaction.head(of: try Samples.aggregate("42")) })
                    codes.add(transaction.infrastructureFailure?.code)
                }
            }
            #expect(
                codes.all == [.transactionLost, .transactionLost, .transactionLost, .transactionLost, .transactionLost])
            #expect(failure?.code == .transactionLost)
            try await expectNotes([], in: store)
        }
    }

    @Test("does not commit although the body has swallowed the error", arguments: Ending.allCases)
    func swallowed(ending: Ending) async throws {
        try await withTrigger { store in
            let reached = Recorded<CrashPoint>()
            let failure = await #expect(throws: StoreError.self) {
                try await store.transaction(crashes: CrashPlan { reached.add($0) }) { transaction in
                    try transaction.execute("INSERT INTO note (text) VALUES ('first')", arguments: [])
                    _ = code { try transaction.execute(ending.rawValue, arguments: []) }
                }
            }
            #expect(failure?.code == .transactionLost)
            #expect(reached.all == [.beforeCommit], "the commit must not be tried")
            try await expectNotes([], in: store)
        }
    }

    @Test("ends every savepoint around it with the same message", arguments: [true, false])
    func savepoints(isSwallowed: Bool) async throws {
        try await withTrigger { store in
            let codes = Recorded<StoreError.Code?>()
            await #expect(throws: StoreError.self) {
                try await store.transaction { transaction in
                    codes.add(
                        code {
                            try transaction.savepoint {
                                codes.add(
                                    code {
                                        try transaction.savepoint {
                                            _ = code { try transaction.execute(Ending.trigger.rawValue, arguments: []) }
                                            if !isSwallowed { throw Refusal() }
                                        }
                                    })
                            }
                        })
                }
            }
            #expect(codes.all == [.transactionLost, .transactionLost])
        }
    }

    @Test("leaves a store that goes on with the next transaction")
    func next() async throws {
        try await withTrigger { store in
            await #expect(throws: StoreError.self) {
                try await store.transaction { _ = try $0.execute(Ending.trigger.rawValue, arguments: []) }
            }
            let failure = try await store.transaction { transaction in
                try transaction.execute("INSERT INTO note (text) VALUES ('second')", arguments: [])
                return transaction.infrastructureFailure
            }
            #expect(failure == nil)
            try await expectNotes([.text("second")], in: store)
        }
    }

    @Test("by a full disk is an outage: not the statement's fault, not even when it is swallowed")
    func diskFull() async throws {
        let database = try TemporaryDatabase()
        let connection = try Connection.openWriter(path: database.path, options: SQLiteOptions())
        try await connection.run { database, _ in
            try database.execute(sql: "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)")
            try database.execute(sql: "PRAGMA max_page_count = 10")
        }
        let codes = Recorded<StoreError.Code?>()
        let failure = await #expect(throws: StoreError.self) {
            try await connection.run { database, statements in
                try SQLiteTransaction.run(on: database, statements, time: SystemTime(), crashes: .none) { transaction in
                    try transaction.execute("INSERT INTO note (text) VALUES ('a')", arguments: [])
                    codes.add(
                        code {
                            try transaction.savepoint {
                                codes.add(
                                    code {
                                        try transaction.execute(
                                            "INSERT INTO note (text) VALUES (?)",
                                            arguments: [.text(String(repeating: "x", count: 100_000))])
                                    })
                            }
                        })
                    codes.add(code { try transaction.execute("INSERT INTO note (text) VALUES ('b')", arguments: []) })
                    codes.add(transaction.infrastructureFailure?.code)
                }
            }
        }
        #expect(codes.all == [.unavailable, .unavailable, .transactionLost, .unavailable])
        #expect(failure?.code == .unavailable)
        let count = try await connection.run { database, _ in
            try Int.fetchOne(database, sql: "SELECT count(*) FROM note")
        }
        #expect(count == 0)
        await connection.close()
    }

    private func withTrigger(_ body: (SQLiteStore) async throws -> Void) async throws {
        try await withNotes { store in
            try await store.transaction { transaction in
                _ = try transaction.execute(
                    """
                    CREATE TRIGGER guard BEFORE INSERT ON note WHEN NEW.text = 'forbidden'
                    BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END
                    """, arguments: [])
            }
            try await body(store)
        }
    }
}
