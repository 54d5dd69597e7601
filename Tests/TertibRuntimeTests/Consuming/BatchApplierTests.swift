import Synchronization
import Testing
import TertibCore
import TertibTesting

@testable import TertibRuntime

@Suite("A batch in one transaction, on SQLite")
struct BatchApplierTests {
    private let bench: SQLiteBench

    init() throws {
        bench = try SQLiteBench()
    }

    private func replica(
        _ handlers: Handlers = .ledger(), retry: RetryPolicy = RetryPolicy(), crash: Crash? = nil
    ) async throws -> Replica {
        var store: any ConsumerStore = try await bench.store()
        if let crash { store = CrashingStore(store, isAlive: crash.isAlive) }
        return try Replica(store: store, handlers: handlers, retry: retry)
    }

    @Test("Any order within and across batches ends as if applied once, in order")
    func anyOrder() async throws {
        let replica = try await replica()
        #expect(try await replica.apply(3, 5).outcomes == [.parked: 2])
        #expect(try await replica.apply(2, 1, 2).outcomes == [.applied: 2, .stale: 1])
        #expect(try await replica.history() == [1, 2, 3])
        #expect(try await replica.apply(4, 3).outcomes == [.applied: 1, .stale: 1])
        #expect(try await replica.history() == [1, 2, 3, 4, 5])
        let watermark = try await replica.watermark()
        #expect(watermark?.version.number == 5)
        #expect(watermark?.status == .ok)
        #expect(watermark?.parked == 0)
        #expect(try await replica.parked().isEmpty)
    }

    @Test("A crash between the commit and the acknowledgement leads to a stale redelivery, not to a second effect")
    func crashBeforeAcknowledgement() async throws {
        let replica = try await replica()
        _ = try await replica.apply(1, 2)  // committed, and its acknowledgement never sent
        #expect(try await replica.apply(1, 2).outcomes == [.stale: 2])
        #expect(try await replica.history() == [1, 2])
    }

    @Test(
        "A crash at any call inside the transaction leaves nothing, and the redelivery everything",
        arguments: CrashSite.all)
    func crashInside(site: CrashSite) async throws {
        let first = try await replica()
        _ = try await first.apply(3)
        let before = try await first.watermark()
        let crash = Crash(at: site)
        let crashing = try await replica(crash: crash)
        // An aggregate without parked rows comes first, then one that drains.
        let batch = [(try Make.envelope(1, of: "0"), 1)] + (try [1, 2, 5].map { (try Make.envelope($0), $0) })
        do {
            _ = try await crashing.apply(batch)
            #expect(!crash.hasHappened)
            let needed = [
                "afterBegin", "afterClaim", "afterHandler", "midDrain", "betweenDrains", "midPark", "beforeCommit",
            ]
            #expect(!needed.contains("\(site)"))
            return  // a call that a batch does not make
        } catch let error as StoreError {
            #expect(crash.hasHappened && error.code == .unavailable)
        }
        guard site.call != .batchCommit || site.side == .before else {
            return #expect(try await first.history() == [1, 2, 3])
        }
        #expect(try await first.history().isEmpty)
        #expect(try await first.history("0").isEmpty)
        #expect(try await first.watermark() == before)
        #expect(try await first.parked().map(\.version.number) == [3])
        #expect(try await first.apply(batch).outcomes == [.applied: 3, .parked: 1])
        #expect(try await first.history() == [1, 2, 3])
        #expect(try await first.history("0") == [1])
    }

    @Test("A lone gap is held, and parked when it may wait no longer")
    func hold() async throws {
        let replica = try await replica()
        #expect(try await replica.apply(2, hold: true).outcomes == [.held: 1])
        #expect(try await replica.watermark() == nil, "a held event writes nothing")
        #expect(try await replica.apply(2).outcomes == [.parked: 1])
        #expect(try await replica.watermark()?.status == .gap)
    }

    @Test("Only the failing event is blamed: what came before it and every other aggregate commits")
    func blame() async throws {
        let replica = try await replica(
            .ledger { envelope, _ in if envelope.id.text == "a-2" { throw HandlerRefused() } })
        let events = try ["a", "b"].flatMap { id in
            try (1...3).map { (try Make.envelope($0, of: id), $0) }
        }
        let report = try await replica.apply(events)
        #expect(report.outcomes == [.applied: 4, .parked: 2])
        #expect(report.failures.map(\.event.version.number) == [2])
        #expect(try await replica.history("a") == [1])
        #expect(try await replica.history("b") == [1, 2, 3])
        #expect(try await replica.watermark("a")?.status == .retrying)
        #expect(try await replica.parked("a").map(\.reason) == [.retry, .behindFailure])
    }

    @Test("A failure in a drain blames the parked event, not the one that closed the gap")
    func blameInDrain() async throws {
        let replica = try await replica(
            .ledger { envelope, _ in if envelope.version.number == 3 { throw HandlerRefused() } })
        _ = try await replica.apply(3, 4)
        #expect(try await replica.apply(1, 2).outcomes == [.applied: 2])
        #expect(try await replica.history() == [1, 2])
        #expect(try await replica.parked().map(\.attempts) == [1, 0])
        #expect(try await replica.watermark()?.status == .retrying)
    }

    @Test("A failing event is tried again, becomes a dead letter after its last attempt, and quarantines its aggregate")
    func deadLetter() async throws {
        let attempts = Mutex(0)
        let policy = RetryPolicy(maxAttempts: 3, initialDelay: .nanoseconds(1), maxDelay: .nanoseconds(1))
        let replica = try await replica(
            .ledger { _, _ in
                attempts.withLock { $0 += 1 }
                throw HandlerRefused()
            }, retry: policy)
        _ = try await replica.apply(1, 2)
        #expect(try await replica.apply(1).outcomes == [.waiting: 1], "a redelivery does not jump the queue")
        _ = try await replica.wake()
        #expect(try await replica.watermark()?.status == .retrying)
        _ = try await replica.wake()
        #expect(try await replica.watermark()?.status == .quarantined)
        let deadLetters = try await replica.deadLetters()
        #expect(deadLetters.map(\.reason) == [.failed])
        #expect(deadLetters.map(\.attempts) == [3])
        #expect(deadLetters.first?.error == "the handler refused")
        #expect(deadLetters.first?.body == Array("{}".utf8))
        #expect(attempts.withLock { $0 } == 4, "the first attempt ran twice: in the fast way, and to be blamed")
        #expect(try await replica.apply(1).outcomes == [.waiting: 1])
        #expect(try await replica.apply(3).outcomes == [.parked: 1])
        #expect(try await replica.parked().map(\.version.number) == [2, 3])
    }

    @Test("A retry that succeeds drains what waited behind the failure")
    func retrySucceeds() async throws {
        let isBroken = Mutex(true)
        let policy = RetryPolicy(initialDelay: .nanoseconds(1), maxDelay: .nanoseconds(1))
        let replica = try await replica(
            .ledger { _, _ in if isBroken.withLock({ $0 }) { throw HandlerRefused() } }, retry: policy)
        _ = try await replica.apply(1, 2, 3)
        isBroken.withLock { $0 = false }
        let report = try await replica.wake()
        #expect((report.retried, report.drained) == (1, 2))
        #expect(try await replica.history() == [1, 2, 3])
        #expect(try await replica.watermark()?.status == .ok)
    }

    @Test("A trigger that ends the transaction is blamed on its event; the prefix commits in a new one")
    func transactionLost() async throws {
        let replica = try await replica()
        _ = try await replica.store.transaction {
            try $0.execute(
                "CREATE TRIGGER no_third BEFORE INSERT ON ledger WHEN NEW.version = 3 "
                    + "BEGIN SELECT RAISE(ROLLBACK, 'no third'); END", arguments: [])
        }
        #expect(try await replica.apply(1, 2, 3, 4).outcomes == [.applied: 2, .parked: 2])
        #expect(try await replica.history() == [1, 2])
        #expect(try await replica.parked().map(\.reason) == [.retry, .behindFailure])
    }

    @Test("A handler that swallows the database's error does not get its event counted as applied")
    func swallowedError() async throws {
        let replica = try await replica(
            .ledger { envelope, transaction in
                guard envelope.version.number == 2 else { return }
                do { try transaction.execute("INSERT INTO bomb VALUES (1)") } catch { return }
            })
        try await replica.store.transaction {
            try $0.execute("CREATE TABLE bomb (x INTEGER)", arguments: [])
            try $0.execute(
                "CREATE TRIGGER explode BEFORE INSERT ON bomb BEGIN SELECT RAISE(ROLLBACK, 'boom'); END", arguments: [])
        }
        _ = try await replica.apply(1, 2)
        #expect(try await replica.history() == [1])
        #expect(try await replica.watermark()?.version.number == 1)
        #expect(try await replica.watermark()?.status == .retrying)
    }

    @Test("A constraint that is checked at the commit is blamed on the event that breaks it")
    func deferredConstraint() async throws {
        let replica = try await replica(
            .ledger { envelope, transaction in
                if envelope.version.number == 2 { try transaction.execute("INSERT INTO child VALUES (7)") }
            })
        try await replica.store.transaction {
            try $0.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)", arguments: [])
            try $0.execute(
                "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)", arguments: [])
        }
        _ = try await replica.apply(1, 2, 3)
        #expect(try await replica.history() == [1])
        #expect(try await replica.parked().map(\.reason) == [.retry, .behindFailure])
    }

    @Test("A handler may not control the transaction")
    func forbidden() async throws {
        let replica = try await replica(.ledger { _, transaction in try transaction.execute("/* x */ COMMIT") })
        _ = try await replica.apply(1)
        #expect(try await replica.history().isEmpty)
        #expect(try await replica.parked().first?.error?.contains("COMMIT") == true)
    }

    @Test("A second event of an applied version is a dead letter, and the aggregate goes on")
    func fork() async throws {
        let replica = try await replica()
        _ = try await replica.apply(1, 2)
        let report = try await replica.apply([(try Make.envelope(2, event: "other"), 9)])
        #expect(report.outcomes == [.deadLettered: 1])
        #expect(try await replica.deadLetters().map(\.reason) == [.forked])
        #expect(try await replica.apply([(try Make.envelope(2, event: "other"), 9)]).outcomes == [.waiting: 1])
        _ = try await replica.apply(3)
        #expect(try await replica.history() == [1, 2, 3])
    }

    @Test("An event type without a handler advances the watermark")
    func noHandler() async throws {
        let replica = try await replica(Handlers())
        #expect(try await replica.apply(1, 2).outcomes == [.applied: 2])
        #expect(try await replica.watermark()?.version.number == 2)
    }

    @Test("Events that a handler stages commit with its effect, with contiguous versions and the cause")
    func staging() async throws {
        let replica = try await replica(
            .ledger { envelope, transaction in
                let order = try Aggregate(parsing: "order/7")
                let event = try NewEvent(type: try EventType("order.seen"), json: Array("{}".utf8))
                try transaction.stage(event, for: order)
                if envelope.version.number == 3 { throw HandlerRefused() }
            })
        _ = try await replica.apply(1, 2, 3)
        let order = try Aggregate(parsing: "order/7")
        let rows = try await replica.store.read { try $0.outboxRows(of: order, limit: 10) }
        #expect(rows.map(\.version.number) == [1, 2])
        let codec = try Make.codec()
        let envelopes = try rows.map {
            try codec.decode(try StoredEnvelope.decode($0.stored, subject: codec.mapping.subject(of: order)))
        }
        #expect(envelopes.map(\.causation.causationID?.text) == ["1-1", "1-2"])
    }
}

extension BatchApplierTests {
    @Test("Several events that end the transaction are all blamed, and everything else commits")
    func severalTransactionsLost() async throws {
        let replica = try await replica()
        _ = try await replica.store.transaction {
            try $0.execute(
                "CREATE TRIGGER no_second BEFORE INSERT ON ledger WHEN NEW.version = 2 "
                    + "BEGIN SELECT RAISE(ROLLBACK, 'no second'); END", arguments: [])
        }
        let events = try (1...6).flatMap { id in try (1...3).map { (try Make.envelope($0, of: "\(id)"), $0) } }
        let report = try await replica.apply(events)
        #expect(report.lost == 0)
        #expect(report.failures.count == 6)
        for id in 1...6 {
            #expect(try await replica.history("\(id)") == [1])
            #expect(try await replica.watermark("\(id)")?.status == .retrying)
            #expect(try await replica.watermark("\(id)")?.parked == 2)
        }
    }

    @Test("A parked row that cannot be read back becomes a dead letter with its bytes, and the sweep goes on")
    func unreadableRow() async throws {
        let policy = RetryPolicy(maxAttempts: 1, initialDelay: .nanoseconds(1), maxDelay: .nanoseconds(1))
        let replica = try await replica(retry: policy)
        _ = try await replica.apply(2, of: "a")
        _ = try await replica.apply(2, of: "b")
        _ = try await replica.store.transaction {
            try $0.execute(
                "UPDATE tertib_parked SET envelope = ? WHERE aggregate_id = 'a'", arguments: [.blob([1, 2, 3])])
        }
        _ = try await replica.apply(1, of: "a")
        _ = try await replica.apply(1, of: "b")
        #expect(try await replica.deadLetters().map(\.body) == [[1, 2, 3]])
        #expect(try await replica.watermark("a")?.status == .quarantined)
        #expect(try await replica.history("b") == [1, 2])
    }

    @Test("An event of a newer schema revision waits without an attempt, and newer code applies it")
    func newerRevision() async throws {
        struct Old: DomainEvent { static let eventType = "counted" }
        struct New: DomainEvent {
            static let eventType = "counted"
            static let schemaRevision = 2
        }
        var event = try Make.envelope(1)
        event.schemaRevision = 2
        var old = Handlers()
        old.on(Old.self) { event, transaction in try Ledger.record(event.envelope, in: transaction) }
        var new = Handlers()
        new.on(New.self) { event, transaction in try Ledger.record(event.envelope, in: transaction) }
        let policy = RetryPolicy(maxAttempts: 1, initialDelay: .nanoseconds(1), maxDelay: .nanoseconds(1))
        let before = try await replica(old, retry: policy)
        _ = try await before.apply([(event, 1)])
        _ = try await before.wake()
        #expect(try await before.parked().map(\.reason) == [.newerRevision])
        #expect(try await before.deadLetters().isEmpty)
        let (consumer, delay) = (before.consumer, policy.maxDelay)
        let due = try await before.store.transaction {
            try $0.dueRetries(consumer, now: try $0.now(), maxDelay: delay, limit: 10)
        }
        #expect(due == [try Make.aggregate()])
        let after = try await replica(new, retry: policy)
        _ = try await after.wake()
        #expect(try await after.history() == [1])
        #expect(try await after.watermark()?.status == .ok)
    }
}
