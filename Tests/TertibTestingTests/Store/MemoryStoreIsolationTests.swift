import Testing
import TertibRuntime
import TertibCore
import TertibTesting

@Suite("The memory store isolates its transactions as a real database does")
struct MemoryStoreIsolationTests {
    let consumer: ConsumerName
    let aggregate: Aggregate

    init() throws {
        consumer = try ConsumerName("orders")
        aggregate = try Aggregate(parsing: "product/42")
    }

    @Test("a claim is lost while a neighbour holds the row, without waiting")
    func lostClaim() async throws {
        let store = MemoryStore()
        let (consumer, fresh) = (consumer, Watermark(aggregate: aggregate))
        let pause = store.pause(before: .commit)
        async let winner = store.transaction { try $0.claim(consumer, [fresh]).count }
        try await pause.reached()
        let neighbour = store.replica()
        let lost = try await neighbour.transaction { try $0.claim(consumer, [fresh]).count }
        #expect(lost == 0)
        #expect(store.waitingTransactions == 0)
        pause.resume()
        #expect(try await winner == 1)
    }

    @Test("a claim is lost to what a neighbour committed between the read and the claim")
    func staleClaim() async throws {
        let store = MemoryStore()
        let (consumer, aggregate) = (consumer, aggregate)
        let claim: @Sendable (any StoreTransaction) throws -> Int = { transaction in
            let row = try transaction.watermarks(consumer, of: [aggregate])[aggregate]
            return try transaction.claim(consumer, [row ?? Watermark(aggregate: aggregate)]).count
        }
        _ = try await store.transaction(claim)
        let pause = store.pause(before: .claim)
        async let loser = store.transaction(claim)
        try await pause.reached()
        #expect(try await store.replica().transaction(claim) == 1)
        pause.resume()
        #expect(try await loser == 0)
    }

    @Test("with one writer at a time the second waits for the first, and then loses")
    func serialClaim() async throws {
        let store = MemoryStore(isolation: .serial)
        let (consumer, fresh) = (consumer, Watermark(aggregate: aggregate))
        let pause = store.pause(before: .commit)
        async let winner = store.transaction { try $0.claim(consumer, [fresh]).count }
        try await pause.reached()
        async let second = store.replica().transaction { try $0.claim(consumer, [fresh]).count }
        try await eventually("the second writer to wait", watching: [store.changes]) {
            store.waitingTransactions == 1
        }
        pause.resume()
        #expect(try await winner == 1)
        #expect(try await second == 0)
    }

    @Test("two statements of one transaction see what committed between them")
    func statementSnapshots() async throws {
        let store = MemoryStore()
        let (consumer, aggregate) = (consumer, aggregate)
        let (read, written) = (Gate(), Gate())
        async let seen = store.transaction { transaction in
            let before = try transaction.watermarks(consumer, of: [aggregate]).count
            read.open()
            try written.waitOnThread(for: "a neighbour's commit")
            return [before, try transaction.watermarks(consumer, of: [aggregate]).count]
        }
        try await read.wait(for: "the first read")
        let fresh = Watermark(aggregate: aggregate)
        _ = try await store.replica().transaction { try $0.claim(consumer, [fresh]).count }
        written.open()
        #expect(try await seen == [0, 1])
    }

    @Test("an update waits for the row's holder, and works on what it left")
    func updateAfterWait() async throws {
        let store = try await sampleStore()
        let (first, second) = try await collide(
            in: store, arguments: [.integer(1), .integer(1)], sql: ConformanceSQL.addToSample, endsWith: nil)
        #expect(first == .success(1))
        #expect(second == .success(1))
        let rows = try await store.read { try $0.query(ConformanceSQL.selectSample, arguments: []) }
        #expect(rows.first?["number"] == .integer(2))
    }

    @Test("an insert waits for a neighbour's insert of the same key, and fails when that one commits")
    func uniqueKeyWait() async throws {
        let store = MemoryStore()
        let (first, second) = try await collide(
            in: store, arguments: Self.ledgerRow, sql: ConformanceSQL.insertLedger, endsWith: nil)
        #expect(first == .success(1))
        #expect(second == .failure(.statement))
    }

    @Test("an insert waits for a neighbour's insert of the same key, and succeeds when that one rolls back")
    func uniqueKeyRollback() async throws {
        let store = MemoryStore()
        let (first, second) = try await collide(
            in: store, arguments: Self.ledgerRow, sql: ConformanceSQL.insertLedger,
            endsWith: StoreError(.statement, attempted: "commit", reason: "for the test"))
        #expect(first == .failure(.statement))
        #expect(second == .success(1))
    }

    @Test("a circle of waits ends with a conflict for the one who closes it, and the other goes on")
    func deadlock() async throws {
        let store = try await sampleStore()
        let (firstHolds, secondHolds) = (Gate(), Gate())
        let add: @Sendable (any StoreTransaction, Int64) throws -> Void = { transaction, id in
            _ = try transaction.execute(ConformanceSQL.addToSample, arguments: [.integer(1), .integer(id)])
        }
        async let first: Void = store.transaction { transaction in
            try add(transaction, 1)
            firstHolds.open()
            try secondHolds.waitOnThread(for: "the second to hold its row")
            try add(transaction, 2)
        }
        try await firstHolds.wait(for: "the first to hold its row")
        let neighbour = store.replica()
        let failure = await #expect(throws: StoreError.self) {
            try await neighbour.transaction { transaction in
                try add(transaction, 2)
                secondHolds.open()
                try waitUntilOneWaits(store)
                try add(transaction, 1)
            }
        }
        #expect(failure?.code == .conflict)
        try await first
        let rows = try await store.read { try $0.query(ConformanceSQL.selectSample, arguments: []) }
        #expect(rows.map { $0["number"] } == [.integer(1), .integer(1)])
    }

    @Test("waiting transactions are served in the order of their coming")
    func fairness() async throws {
        let store = try await sampleStore()
        let order = Log<Int>()
        let pause = store.pause(before: .commit)
        let add: @Sendable (Int) async throws -> Void = { number in
            try await store.transaction { transaction in
                _ = try transaction.execute(ConformanceSQL.addToSample, arguments: [.integer(1), .integer(1)])
                order.append(number)
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await add(0) }
            try await pause.reached()
            for number in 1...5 {
                group.addTask { try await add(number) }
                try await eventually("\(number) transactions to wait", watching: [store.changes]) {
                    store.waitingTransactions == number
                }
            }
            pause.resume()
            try await group.waitForAll()
        }
        #expect(order.values == [0, 1, 2, 3, 4, 5])
    }

    @Test("a savepoint that is undone gives its rows back to those who wait")
    func savepointLocks() async throws {
        let store = try await sampleStore()
        let (held, released, ended) = (Gate(), Gate(), Gate())
        async let first: Void = store.transaction { transaction in
            try? transaction.savepoint {
                _ = try transaction.execute(ConformanceSQL.addToSample, arguments: [.integer(100), .integer(1)])
                held.open()
                try released.waitOnThread(for: "a neighbour to wait")
                throw StoreError(.schema, attempted: "go on", reason: "for the test")
            }
            try ended.waitOnThread(for: "the neighbour's commit")
        }
        try await held.wait(for: "the first to hold the row")
        async let second = store.replica().transaction { transaction in
            try transaction.execute(ConformanceSQL.addToSample, arguments: [.integer(1), .integer(1)])
        }
        try await eventually("the second to wait", watching: [store.changes]) { store.waitingTransactions == 1 }
        released.open()
        #expect(try await second == 1)
        ended.open()
        try await first
        let rows = try await store.read { try $0.query(ConformanceSQL.selectSample, arguments: []) }
        #expect(rows.first?["number"] == .integer(1))
    }

    // MARK: - Scenes

    private static let ledgerRow: [SQLValue] = [.text("product"), .text("42"), .integer(1), .text("event-1")]

    /// A store with two rows, 1 and 2, in `sample`.
    private func sampleStore() async throws -> MemoryStore {
        let store = MemoryStore()
        try await store.transaction { transaction in
            for id in Int64(1)...2 {
                _ = try transaction.execute(
                    ConformanceSQL.insertSample, arguments: [.integer(id), .integer(0), .double(0), .text("row")])
            }
        }
        return store
    }

    private enum Outcome: Equatable {
        case success(Int)
        case failure(StoreError.Code)
    }

    /// Two transactions send the same statement; the second waits for the first, which then ends.
    private func collide(
        in store: MemoryStore, arguments: [SQLValue], sql: String, endsWith error: StoreError?
    ) async throws -> (Outcome, Outcome) {
        let (held, released) = (Gate(), Gate())
        async let first = outcome {
            try await store.transaction { transaction in
                let changed = try transaction.execute(sql, arguments: arguments)
                held.open()
                try released.waitOnThread(for: "the second to wait")
                if let error { throw error }
                return changed
            }
        }
        try await held.wait(for: "the first to hold the row")
        let neighbour = store.replica()
        async let second = outcome {
            try await neighbour.transaction { try $0.execute(sql, arguments: arguments) }
        }
        try await eventually("the second to wait", watching: [store.changes]) { store.waitingTransactions == 1 }
        released.open()
        return (try await first, try await second)
    }

    private func outcome(_ body: () async throws -> Int) async throws -> Outcome {
        do {
            return .success(try await body())
        } catch let error as StoreError {
            return .failure(error.code)
        }
    }
}

/// Blocks a transaction's thread until another transaction waits for a lock.
private func waitUntilOneWaits(_ store: MemoryStore) throws {
    let gate = Gate()
    let task = Task {  // the body that waits is synchronous, on a thread of its own, and cannot await
        try await eventually("a transaction to wait", watching: [store.changes]) { store.waitingTransactions == 1 }
        gate.open()
    }
    defer { task.cancel() }
    try gate.waitOnThread(for: "a transaction to wait")
}
