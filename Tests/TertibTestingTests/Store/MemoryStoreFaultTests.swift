import Synchronization
import Testing
import TertibRuntime
import TertibCore
import TertibTesting

@Suite("Faults that a test switches on in the memory store")
struct MemoryStoreFaultTests {
    let consumer: ConsumerName
    let fresh: Watermark

    init() throws {
        consumer = try ConsumerName("orders")
        fresh = Watermark(aggregate: try Aggregate(parsing: "product/42"))
    }

    @Test("a commit whose outcome is unknown may have happened or not", arguments: [true, false])
    func unknownCommit(isCommitted: Bool) async throws {
        let store = MemoryStore()
        store.failNextCommit(.unknown(isCommitted: isCommitted))
        #expect(await claim(in: store) == .commitUnknown)
        #expect(try await isThere(in: store) == isCommitted)
        #expect(await claim(in: store) == nil)
    }

    @Test("a commit that the database turns into a rollback is a conflict")
    func conflictingCommit() async throws {
        let store = MemoryStore()
        store.failNextCommit(.conflict)
        #expect(await claim(in: store) == .conflict)
        #expect(try await isThere(in: store) == false)
    }

    @Test("a database that is away refuses everything, and has everything when it is back")
    func unavailable() async throws {
        let store = MemoryStore()
        #expect(await claim(in: store) == nil)
        store.setAvailable(false)
        #expect(await claim(in: store) == .unavailable)
        let failure = await #expect(throws: StoreError.self) { try await isThere(in: store) }
        #expect(failure?.code == .unavailable)
        store.setAvailable(true)
        #expect(try await isThere(in: store))
    }

    @Test("a database that goes away during a transaction has nothing of it")
    func unavailableDuring() async throws {
        let store = MemoryStore()
        let pause = store.pause(before: .commit)
        async let code = claim(in: store)
        try await pause.reached()
        store.setAvailable(false)
        pause.resume()
        #expect(await code == .unavailable)
        store.setAvailable(true)
        #expect(try await isThere(in: store) == false)
    }

    @Test("a crashed replica's transaction is dropped, and its rows are free")
    func crash() async throws {
        let store = MemoryStore()
        let pause = store.pause(before: .commit)
        async let code = claim(in: store)
        try await pause.reached()
        store.crash()
        let neighbour = store.replica()
        #expect(await claim(in: neighbour) == nil)
        pause.resume()
        #expect(await code == .unavailable)
        #expect(await claim(in: store) == .unavailable)
        #expect(try await isThere(in: neighbour))
    }

    @Test("a transaction that waits for a lock ends when its replica crashes")
    func crashWhileWaiting() async throws {
        let store = MemoryStore(isolation: .serial)
        let pause = store.pause(before: .commit)
        async let first = claim(in: store)
        try await pause.reached()
        let neighbour = store.replica()
        async let second = claim(in: neighbour)
        try await eventually("the second to wait", watching: [store.changes]) { store.waitingTransactions == 1 }
        neighbour.crash()
        #expect(await second == .unavailable)
        #expect(store.waitingTransactions == 0)
        pause.resume()
        #expect(await first == nil)
    }

    @Test("whichever step fails, the transaction has happened as a whole or not at all")
    func everyStepOnce() async throws {
        var failures = 0
        for n in 1...50 {
            let store = MemoryStore()
            store.onStep = { step in
                if step.call == n { throw StoreError(.unavailable, attempted: "step \(n)", reason: "for the test") }
            }
            let (consumer, fresh) = (consumer, fresh)
            let failure = await failureCode {
                try await store.transaction { transaction in
                    _ = try transaction.claim(consumer, [fresh])
                    // A handler that swallows what happens to it must not get half of its work committed.
                    _ = try? transaction.execute(
                        ConformanceSQL.insertLedger, arguments: [.text("a"), .text("b"), .integer(1), .text("c")])
                    _ = try transaction.parkedCount(consumer)
                }
            }
            store.onStep = nil
            let isThere = try await isThere(in: store)
            let ledger = try await store.read { try $0.query(ConformanceSQL.selectLedger, arguments: []).count }
            #expect(isThere == (ledger == 1), "after a failure at step \(n)")
            #expect(isThere == (failure == nil), "after a failure at step \(n)")
            guard let failure else { break }
            #expect(failure == .unavailable)
            failures += 1
        }
        #expect(failures == 5)
    }

    @Test("a failure of the database is remembered, even if a handler swallows it")
    func infrastructureFailure() async throws {
        let store = MemoryStore()
        store.onStep = { step in
            if case .execute = step.operation { throw StoreError(.conflict, attempted: "write", reason: "a test") }
        }
        let remembered = Mutex<StoreError?>(nil)
        let failure = await failureCode {
            try await store.transaction { transaction in
                _ = try? transaction.savepoint { try transaction.execute(ConformanceSQL.createLedger, arguments: []) }
                remembered.withLock { $0 = transaction.infrastructureFailure }
            }
        }
        #expect(remembered.withLock { $0 }?.code == .conflict)
        #expect(failure == .conflict)
    }

    @Test("a conflict under a savepoint is thrown as the conflict that it is, so that no event is blamed for it")
    func conflictUnderSavepoint() async throws {
        let store = MemoryStore()
        store.onStep = { step in
            if case .execute = step.operation { throw StoreError(.conflict, attempted: "write", reason: "a test") }
        }
        let thrown = Mutex<StoreError?>(nil)
        _ = await failureCode {
            try await store.transaction { transaction in
                do {
                    _ = try transaction.savepoint {
                        try transaction.execute(ConformanceSQL.createLedger, arguments: [])
                    }
                } catch let error as StoreError {
                    thrown.withLock { $0 = error }
                    throw error
                }
            }
        }
        #expect(thrown.withLock { $0 }?.code == .conflict)
    }

    @Test("a swallowed failure of a statement turns the commit into a rollback at read committed, and only there")
    func swallowedStatement() async throws {
        for (isolation, expected) in [
            (MemoryStore.Isolation.readCommitted, StoreError.Code.transactionLost), (.serial, nil),
        ] {
            let store = MemoryStore(isolation: isolation)
            let (consumer, fresh) = (consumer, fresh)
            let failure = await failureCode {
                try await store.transaction { transaction in
                    _ = try transaction.claim(consumer, [fresh])
                    _ = try? transaction.query("SELECT nonsense", arguments: [])
                }
            }
            #expect(failure == expected)
            #expect(try await isThere(in: store) == (expected == nil))
        }
    }

    @Test("a text without a meaning is a failure of the statement that says what to do")
    func unknownText() async throws {
        let store = MemoryStore()
        let failure = await #expect(throws: StoreError.self) {
            try await store.transaction { try $0.execute("INSERT INTO mine VALUES (?)", arguments: [.integer(1)]) }
        }
        #expect(failure?.code == .statement)
        #expect(failure?.advice?.contains("MemoryStore(statements:") == true)
    }

    @Test("closing waits for the transactions that run, and refuses new ones")
    func closing() async throws {
        let store = MemoryStore()
        let pause = store.pause(before: .commit)
        async let first = claim(in: store)
        try await pause.reached()
        async let closed: Void = store.close()
        try await eventually("the store to refuse", watching: [store.changes]) {
            await claim(in: store) == .unavailable
        }
        pause.resume()
        #expect(await first == nil)
        await closed
        #expect(try await isThere(in: store.replica()))
    }

    // MARK: - Scenes

    private func claim(in store: MemoryStore) async -> StoreError.Code? {
        let (consumer, fresh) = (consumer, fresh)
        return await failureCode { try await store.transaction { _ = try $0.claim(consumer, [fresh]) } }
    }

    private func isThere(in store: MemoryStore) async throws -> Bool {
        let (consumer, fresh) = (consumer, fresh)
        return try await store.read { try $0.watermark(consumer, of: fresh.aggregate) != nil }
    }

    private func failureCode(_ body: () async throws -> Void) async -> StoreError.Code? {
        do {
            try await body()
            return nil
        } catch let error as StoreError {
            return error.code
        } catch {
            Issue.record(error)
            return nil
        }
    }
}
