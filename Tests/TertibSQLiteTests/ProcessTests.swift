import GRDB
import Synchronization
import TertibRuntime
import TertibSQLite
import TertibTesting
import Testing

@Suite("Several users of one file")
struct ProcessTests {
    @Test("Several users of one file count together without losing one, as processes")
    func processes() async throws {
        try await withCounter { database, store in
            let probes = try (0..<4).map { _ in try Probe("add", database.path, "counter", "50") }
            for probe in probes { #expect(await probe.end() == .exit(0)) }
            #expect(try await number(in: store) == 200)
        }
    }

    @Test("Several users of one file find nothing of a transaction whose process was killed before its commit")
    func killed() async throws {
        try await withCounter { database, store in
            let probe = try Probe("die", database.path, "counter")
            #expect(await probe.end() == .signal(9))
            #expect(try await number(in: store) == 0)
            try await add(in: store)
            #expect(try await number(in: store) == 1)
        }
    }

    @Test("Several users of one file wait for the one that writes")
    func waiting() async throws {
        try await withCounter { database, first in
            let second = try await database.open()
            let (isInside, mayEnd) = (Gate(), Gate())
            async let holding: Void = hold(first, isInside, mayEnd)
            try await isInside.wait(for: "the first transaction to begin")
            async let adding: Void = add(in: second)
            mayEnd.open()
            try await holding
            try await adding
            #expect(try await number(in: first) == 2)
            await second.close()
        }
    }

    @Test("Several users of one file conflict when it writes for longer than they wait, and succeed afterwards")
    func conflict() async throws {
        try await withCounter { database, first in
            let second = try await database.open(busyTimeout: .milliseconds(20))
            let (isInside, mayEnd) = (Gate(), Gate())
            async let holding: Void = hold(first, isInside, mayEnd)
            try await isInside.wait(for: "the first transaction to begin")
            let failure = await #expect(throws: StoreError.self) { try await add(in: second) }
            #expect(failure?.code == .conflict)
            #expect(failure?.isRetriable == true)
            mayEnd.open()
            try await holding
            try await add(in: second)
            #expect(try await number(in: second) == 2)
            await second.close()
        }
    }

    @Test("Several users of one file read committed rows while another writes, and block no writer")
    func reading() async throws {
        try await withCounter { database, writer in
            let reader = try await database.open(busyTimeout: .milliseconds(20))
            let (isInside, mayEnd) = (Gate(), Gate())
            async let holding: Void = hold(writer, isInside, mayEnd)
            try await isInside.wait(for: "the transaction to begin")
            #expect(try await number(in: reader) == 0)
            mayEnd.open()
            try await holding

            let (hasRead, mayRead) = (Gate(), Gate())
            async let both = reader.read { reader in
                let before = try Self.number(reader)
                hasRead.open()
                try mayRead.waitOnThread(for: "the writer to commit")
                return [before, try Self.number(reader)]
            }
            try await hasRead.wait(for: "the snapshot to be read")
            try await add(in: writer)
            mayRead.open()
            #expect(try await both == [1, 1])
            #expect(try await number(in: reader) == 2)
            await reader.close()
        }
    }

    @Test("Several users of one file read beside one another")
    func readers() async throws {
        try await withCounter { _, store in
            let gates = [Gate(), Gate()]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<2 {
                    group.addTask {
                        try await store.read { _ in
                            gates[index].open()
                            try gates[1 - index].waitOnThread(for: "the other read to begin")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    /// Switching to the write-ahead log needs the file alone, and SQLite's busy handler does not cover it.
    @Test("Several users of one file wait for each other when they open the file for the first time")
    func opening() async throws {
        let database = try TemporaryDatabase()
        let locker = try DatabaseQueue(path: database.path)
        let (isLocked, mayUnlock) = (Gate(), Gate())
        async let locking: Void = locker.writeWithoutTransaction { connection in
            try connection.execute(sql: "BEGIN EXCLUSIVE; CREATE TABLE mine (id INTEGER)")
            isLocked.open()
            try mayUnlock.waitOnThread(for: "a store to find the file locked")
            try connection.execute(sql: "COMMIT")
        }
        try await isLocked.wait(for: "the file to be locked")
        let failure = await #expect(throws: StoreError.self) {
            try await database.open(busyTimeout: .milliseconds(20))
        }
        #expect(failure?.code == .conflict)
        async let opened = database.migrated()
        mayUnlock.open()
        try await locking
        await (try opened).close()
    }

    private func withCounter(_ body: (TemporaryDatabase, SQLiteStore) async throws -> Void) async throws {
        let database = try TemporaryDatabase()
        let store = try await database.open()
        try await store.transaction { transaction in
            try transaction.execute("CREATE TABLE counter (number INTEGER)", arguments: [])
            _ = try transaction.execute("INSERT INTO counter VALUES (0)", arguments: [])
        }
        do {
            try await body(database, store)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    private func add(in store: SQLiteStore) async throws {
        try await store.transaction { transaction in
            _ = try transaction.execute("UPDATE counter SET number = number + 1", arguments: [])
        }
    }

    /// Adds 1 in a transaction that stays open until it may end.
    private func hold(_ store: SQLiteStore, _ isInside: Gate, _ mayEnd: Gate) async throws {
        try await store.transaction { transaction in
            _ = try transaction.execute("UPDATE counter SET number = number + 1", arguments: [])
            isInside.open()
            try mayEnd.waitOnThread(for: "the transaction to be let go")
        }
    }

    private func number(in store: SQLiteStore) async throws -> Int64? {
        try await store.read { try Self.number($0) }
    }

    private static func number(_ reader: any StoreReader) throws -> Int64? {
        try reader.query("SELECT number FROM counter", arguments: []).first?["number"].integer
    }
}
