import TertibRuntime
import TertibCore
import TertibSQLite
import TertibTesting
import Testing

@Suite("A transaction")
struct TransactionTests {
    @Test("A transaction commits what its body wrote, and gives back its result")
    func commits() async throws {
        try await withNotes { store in
            let count = try await store.transaction { transaction in
                try transaction.execute("INSERT INTO note (text) VALUES (?), (?)", arguments: [.text("a"), .null])
            }
            #expect(count == 2)
            try await expectNotes([.text("a"), .null], in: store)
        }
    }

    @Test("A transaction undoes everything when its body throws, and throws that error on")
    func undoes() async throws {
        try await withNotes { store in
            await #expect(throws: Refusal.self) {
                try await store.transaction { transaction in
                    try transaction.execute("INSERT INTO note (text) VALUES ('a')", arguments: [])
                    throw Refusal()
                }
            }
            try await expectNotes([], in: store)
        }
    }

    @Test(
        "A transaction fails with a statement error when a deferred constraint is violated at the commit, and writes nothing"
    )
    func deferredConstraint() async throws {
        try await withNotes { store in
            try await store.transaction { transaction in
                _ = try transaction.execute(
                    """
                    CREATE TABLE child (note INTEGER NOT NULL REFERENCES note (id) DEFERRABLE INITIALLY DEFERRED)
                    """, arguments: [])
            }
            let failure = await #expect(throws: StoreError.self) {
                try await store.transaction { transaction in
                    _ = try transaction.execute("INSERT INTO child (note) VALUES (7)", arguments: [])
                }
            }
            #expect(failure?.code == .statement)
            let count = try await store.read { try $0.query("SELECT count(*) AS n FROM child", arguments: []) }
            #expect(count.first?["n"] == .integer(0))
        }
    }

    @Test("A transaction reports its outcome although the task that waits for it is cancelled")
    func cancelled() async throws {
        try await withNotes { store in
            let (isInside, mayEnd) = (Gate(), Gate())
            async let written = withTaskGroup(of: Result<Int, any Error>.self) { group in
                group.addTask {
                    do {
                        return .success(
                            try await store.transaction { transaction in
                                isInside.open()
                                try mayEnd.waitOnThread(for: "the task to be cancelled")
                                return try transaction.execute("INSERT INTO note (text) VALUES ('a')", arguments: [])
                            })
                    } catch {
                        return .failure(error)
                    }
                }
                do {
                    try await isInside.wait(for: "the transaction to begin")
                } catch {
                    return Result<Int, any Error>.failure(error)
                }
                group.cancelAll()
                mayEnd.open()
                return await group.next() ?? .failure(Refusal())
            }
            #expect(try await written.get() == 1)
            try await expectNotes([.text("a")], in: store)
        }
    }

    @Test("A transaction and a read either run or find the store closed, whenever it is closed")
    func racingClose() async throws {
        for _ in 0..<10 {
            let database = try TemporaryDatabase()
            let store = try await database.migrated()
            let codes = await withTaskGroup(of: StoreError.Code?.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        do {
                            if number == 20 { await store.close() }
                            if number % 2 == 0 {
                                try await store.transaction { _ in }
                            } else {
                                try await store.read { _ in }
                            }
                            return nil
                        } catch {
                            return (error as? StoreError)?.code ?? .corrupt
                        }
                    }
                }
                return await group.reduce(into: Set<StoreError.Code>()) { if let code = $1 { $0.insert(code) } }
            }
            #expect(codes == [.unavailable])
        }
    }

    @Test("A transaction is kept by a store that was let go without being closed")
    func letGo() async throws {
        let database = try TemporaryDatabase()
        try await makeNotes(in: try await database.migrated())
        let store = try await database.open()
        try await expectNotes([], in: store)
        await store.close()
    }

    @Test("A transaction does not run on a closed store, and closing waits for the one that runs")
    func closing() async throws {
        let database = try TemporaryDatabase()
        let store = try await database.migrated()
        try await makeNotes(in: store)
        let (isInside, mayEnd) = (Gate(), Gate())
        async let written = store.transaction { transaction in
            isInside.open()
            try mayEnd.waitOnThread(for: "the store to be closed")
            return try transaction.execute("INSERT INTO note (text) VALUES ('a')", arguments: [])
        }
        try await isInside.wait(for: "the transaction to begin")
        async let closed: Void = store.close()
        mayEnd.open()
        #expect(try await written == 1)
        await closed
        await store.close()
        let failure = await #expect(throws: StoreError.self) { try await store.transaction { _ in } }
        #expect(failure?.code == .unavailable)

        let reopened = try await database.open()
        try await expectNotes([.text("a")], in: reopened)
        await reopened.close()
    }
}
