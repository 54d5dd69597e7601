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

    @Test(
        "A transaction that SQLite has ended by itself is reported as lost, and so is everything after it",
        arguments: Ending.allCases)
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

    @Test(
        "A transaction that SQLite has ended by itself does not commit although the body has swallowed the error",
        arguments: Ending.allCases)
    func swallowed(ending: Ending) async throws {
        try await withTrigger { store in
            let failure = await #expect(throws: StoreError.self) {
                try await store.transaction { transaction in
                    try transaction.execute("INSERT INTO note (text) VALUES ('first')", arguments: [])
                    _ = code { try transaction.execute(ending.rawValue, arguments: []) }
                }
            }
            #expect(failure?.code == .transactionLost)
            try await expectNotes([], in: store)
        }
    }

    @Test("A transaction that has ended by itself is never committed, not even in vain")
    func neverCommitted() async throws {
        try await withConnection { connection in
            let statements = Recorded<String>()
            let failure = await #expect(throws: StoreError.self) {
                try await connection.run { access in
                    let database = access.database
                    database.trace { statements.add("\($0)") }
                    defer { database.trace(options: []) }
                    try SQLiteTransaction.run(on: access, time: SystemTime()) { transaction in
                        _ = code { try transaction.execute(Ending.conflictClause.rawValue, arguments: []) }
                        _ = code { try transaction.execute(Ending.conflictClause.rawValue, arguments: []) }
                    }
                }
            }
            #expect(failure?.code == .transactionLost)
            #expect(statements.all.contains { $0.hasPrefix("BEGIN") })
            #expect(!statements.all.contains { $0.hasPrefix("COMMIT") })
        }
    }

    @Test("A commit that fails on its way is of unknown outcome, and writes nothing when it was refused")
    func refusedCommit() async throws {
        try await withConnection { connection in
            let failure = await #expect(throws: StoreError.self) {
                try await connection.run { access in
                    let database = access.database
                    let observer = CommitRefusal()
                    database.add(transactionObserver: observer)
                    defer { database.remove(transactionObserver: observer) }
                    try SQLiteTransaction.run(on: access, time: SystemTime()) { transaction in
                        _ = try transaction.execute("INSERT INTO note (text) VALUES ('a')", arguments: [])
                    }
                }
            }
            #expect(failure?.code == .commitUnknown)
            let count = try await connection.run { access in
                try Int.fetchOne(access.database, sql: "SELECT count(*) FROM note")
            }
            #expect(count == 0)
        }
    }

    /// Refuses every commit while it is on its way.
    private final class CommitRefusal: TransactionObserver {
        func observes(eventsOfKind eventKind: DatabaseEventKind) -> Bool { true }
        func databaseDidChange(with event: DatabaseEvent) {}
        func databaseWillCommit() throws { throw Refusal() }
        func databaseDidCommit(_ db: Database) {}
        func databaseDidRollback(_ db: Database) {}
    }

    private func withConnection(_ body: (Connection) async throws -> Void) async throws {
        let database = try TemporaryDatabase()
        let connection = try Connection.openWriter(path: database.path, options: SQLiteOptions())
        try await connection.run { access in
            try access.database.execute(sql: "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT UNIQUE)")
        }
        try await body(connection)
        await connection.close()
    }

    @Test(
        "A transaction that SQLite has ended by itself ends every savepoint around it with the same message",
        arguments: [true, false])
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

    @Test("A transaction that SQLite has ended by itself leaves a store that goes on with the next one")
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

    @Test(
        "A transaction that a full disk has ended is an outage: not the statement's fault, not even when it is swallowed"
    )
    func diskFull() async throws {
        let database = try TemporaryDatabase()
        let connection = try Connection.openWriter(path: database.path, options: SQLiteOptions())
        try await connection.run { access in
            try access.database.execute(sql: "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)")
            try access.database.execute(sql: "PRAGMA max_page_count = 10")
        }
        let codes = Recorded<StoreError.Code?>()
        let failure = await #expect(throws: StoreError.self) {
            try await connection.run { access in
                try SQLiteTransaction.run(on: access, time: SystemTime()) { transaction in
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
        let count = try await connection.run { access in
            try Int.fetchOne(access.database, sql: "SELECT count(*) FROM note")
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
