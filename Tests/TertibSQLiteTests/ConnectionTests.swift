import Foundation
import GRDB
import TertibRuntime
import TertibCore
import Testing

@testable import TertibSQLite

@Suite("A connection")
struct ConnectionTests {
    @Test("A connection that writes syncs every commit, checks foreign keys, and logs ahead")
    func settings() async throws {
        let database = try TemporaryDatabase()
        let connection = try Connection.openWriter(path: database.path, options: SQLiteOptions())
        let settings = try await connection.run { access in
            try ["journal_mode", "synchronous", "foreign_keys"].map {
                try String.fetchOne(access.database, sql: "PRAGMA \($0)")
            }
        }
        #expect(settings == ["wal", "2", "1"])
        await connection.close()
    }

    @Test("A connection that reads cannot write")
    func readOnly() async throws {
        let database = try TemporaryDatabase()
        let writer = try Connection.openWriter(path: database.path, options: SQLiteOptions())
        let reader = try Connection.openReader(path: database.path, options: SQLiteOptions())
        await #expect(throws: DatabaseError.self) {
            try await reader.run { try $0.database.execute(sql: "CREATE TABLE a (id INTEGER)") }
        }
        await reader.close()
        await writer.close()
    }

    @Test("A connection to what cannot be a store is refused with the reason")
    func refused() async throws {
        let database = try TemporaryDatabase()
        try Data("this is no database, it is a text that is long enough to be looked at".utf8)
            .write(to: URL(filePath: database.path))
        let cases: [(path: String, code: StoreError.Code)] = [
            (database.path, .corrupt), (":memory:", .unavailable), (database.folder.path, .unavailable),
            (database.folder.appending(path: "missing/store.sqlite").path, .unavailable),
        ]
        for (path, code) in cases {
            let failure = await #expect(throws: StoreError.self) { try await SQLiteStore(path: path) }
            #expect(failure?.code == code, "\(path)")
        }
    }

    @Test(
        "A connection classifies its failures",
        arguments: [
            (.SQLITE_BUSY, .conflict, .conflict), (.SQLITE_BUSY_SNAPSHOT, .conflict, .conflict),
            (.SQLITE_LOCKED, .conflict, .conflict), (.SQLITE_FULL, .unavailable, .unavailable),
            (.SQLITE_IOERR_FSYNC, .unavailable, .commitUnknown), (.SQLITE_IOERR_WRITE, .unavailable, .commitUnknown),
            (.SQLITE_NOMEM, .unavailable, .commitUnknown), (.SQLITE_CANTOPEN, .unavailable, .commitUnknown),
            (.SQLITE_READONLY, .unavailable, .commitUnknown), (.SQLITE_CORRUPT, .unavailable, .commitUnknown),
            (.SQLITE_CONSTRAINT_FOREIGNKEY, .statement, .statement), (.SQLITE_ERROR, .statement, .commitUnknown),
            (.SQLITE_MISMATCH, .statement, .commitUnknown), (.SQLITE_TOOBIG, .statement, .commitUnknown),
            (.SQLITE_ABORT_ROLLBACK, .transactionLost, .commitUnknown),
        ] as [(ResultCode, StoreError.Code, StoreError.Code)])
    func classified(code: ResultCode, inStatement: StoreError.Code, atCommit: StoreError.Code) {
        let error = DatabaseError(resultCode: code, message: "m")
        #expect(StoreError(error, attempted: "a").code == inStatement)
        #expect(StoreError(commit: error).code == atCommit)
    }

    @Test("A connection reports values that another program has written into the tables as corrupt, never by a trap")
    func corrupt() async throws {
        try await withStore { store in
            let consumer = try Samples.consumer()
            let aggregate = try Samples.aggregate("42")
            try await store.transaction { _ = try $0.claim(consumer, [Watermark(aggregate: aggregate)]) }
            for change in ["status = 'nonsense'", "version = -1", "event_id = ''", "version = 9007199254740992"] {
                let failure = await #expect(throws: StoreError.self) {
                    try await store.transaction { transaction in
                        try transaction.execute("UPDATE tertib_watermark SET \(change)", arguments: [])
                        _ = try transaction.watermarks(consumer, of: [aggregate])
                    }
                }
                #expect(failure?.code == .corrupt, "\(change)")
            }
        }
    }
}
