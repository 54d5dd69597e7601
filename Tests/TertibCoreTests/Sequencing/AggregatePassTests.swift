import Testing
import TertibCore

@Suite("An aggregate's way through a batch")
struct AggregatePassTests {
    private func driver(
        _ watermark: Watermark, _ arrivals: [Arrival], rows: [ParkedEvent] = [], letters: [DeadLetterKey] = [],
        failing: Set<Int64> = [], conditions: AggregatePass.Conditions = Sample.conditions()
    ) -> PassDriver {
        let sorted = arrivals.sorted(by: Arrival.isAppliedBefore)
        return PassDriver(
            AggregatePass(claimed: watermark, arrivals: sorted, deadLetters: letters, conditions: conditions),
            rows: rows, failing: failing)
    }

    @Test("A run of next events is applied in order, whatever the order of arrival")
    func run() throws {
        var driver = driver(try Sample.watermark(2), try [5, 3, 4].map { try Sample.arrival($0) })
        let watermark = driver.run()
        #expect(driver.pass.appliedEvents.map(\.version.number) == [3, 4, 5])
        #expect(watermark.version.number == 5)
        #expect(watermark.eventID?.text == "e5")
        #expect(watermark.status == .ok)
        #expect(Set(driver.pass.dispositions.values) == [.applied])
    }

    @Test("A duplicate within the batch is stale, and is not applied again")
    func duplicateInBatch() throws {
        var driver = driver(
            try Sample.watermark(0),
            [try Sample.arrival(1), try Sample.arrival(1, sequence: 9, ticket: 2), try Sample.arrival(2, ticket: 3)])
        #expect(driver.run().version.number == 2)
        #expect(driver.pass.appliedEvents.count == 2)
        #expect(driver.pass.dispositions[.init(2)] == .stale)
    }

    @Test("Parked rows and arrivals are drained in one loop, and rows at or below the watermark go")
    func drain() throws {
        var driver = driver(
            try Sample.watermark(1, parked: 3, status: .gap), [try Sample.arrival(2), try Sample.arrival(4)],
            rows: [try Sample.row(3), try Sample.row(5), try Sample.row(7)])
        let watermark = driver.run()
        #expect(driver.pass.appliedEvents.map(\.version.number) == [2, 3, 4, 5])
        #expect(watermark.parked == 1)
        #expect(watermark.status == .gap)
        #expect(driver.rows.map(\.version.number) == [7])
    }

    @Test("A delivered event that is parked too is drained from its row, once")
    func deliveredAndParked() throws {
        var driver = driver(
            try Sample.watermark(1, parked: 1, status: .gap),
            [try Sample.arrival(2), try Sample.arrival(3, ticket: 30)],
            rows: [try Sample.row(3)])
        #expect(driver.run().parked == 0)
        #expect(driver.pass.appliedEvents.count == 2)
        #expect(driver.pass.dispositions[.init(30)] == .waiting)
    }

    @Test("A gap is parked; one that is parked already waits")
    func park() throws {
        var driver = driver(
            try Sample.watermark(1, parked: 1, status: .gap), [try Sample.arrival(3), try Sample.arrival(4)],
            rows: [try Sample.row(3)])
        let watermark = driver.run()
        #expect(watermark.parked == 2)
        #expect(driver.pass.dispositions == [.init(3): .waiting, .init(4): .parked])
        #expect(driver.reads == 0, "a gap that no arrival closes needs no read of what is parked")
    }

    @Test("A lone gapped arrival is held if it may be, a run is parked at once")
    func hold() throws {
        let holdable: Set<Arrival.Ticket> = [.init(4), .init(5)]
        var lone = driver(
            try Sample.watermark(1), [try Sample.arrival(2), try Sample.arrival(4)],
            conditions: Sample.conditions(holdable: holdable))
        #expect(lone.run().parked == 0)
        #expect(lone.pass.dispositions[.init(4)] == .held)
        var burst = driver(
            try Sample.watermark(1), [try Sample.arrival(4), try Sample.arrival(5)],
            conditions: Sample.conditions(holdable: holdable))
        #expect(burst.run().parked == 2)
        #expect(Set(burst.pass.dispositions.values) == [.parked])
    }

    @Test("A failing event waits for its next attempt, and what follows waits behind it")
    func failure() throws {
        var driver = driver(
            try Sample.watermark(0), try [1, 2, 3].map { try Sample.arrival($0) }, failing: [2])
        let watermark = driver.run()
        #expect(watermark.version.number == 1)
        #expect(watermark.status == .retrying)
        #expect(watermark.parked == 2)
        let rows = driver.rows
        #expect(rows.map(\.reason) == [.retry, .behindFailure])
        #expect(rows.first?.attempts == 1)
        #expect(rows.first?.nextAttemptAt == Timestamp(microseconds: 1_100_000))
    }

    @Test("A redelivery of the failing event in the same batch waits with it, and the count stays exact")
    func failureWithDuplicate() throws {
        var driver = driver(
            try Sample.watermark(1), [try Sample.arrival(2), try Sample.arrival(2, sequence: 9, ticket: 20)],
            failing: [2])
        #expect(driver.run().parked == 1)
        #expect(driver.rows.map(\.reason) == [.retry])
        #expect(driver.pass.dispositions == [.init(2): .parked, .init(20): .waiting])
        var last = self.driver(
            try Sample.watermark(1), [try Sample.arrival(2), try Sample.arrival(2, sequence: 9, ticket: 20)],
            failing: [2], conditions: Sample.conditions(maxAttempts: 1))
        #expect(last.run().parked == 0)
        #expect(last.rows.isEmpty, "nothing is parked beside its own dead letter")
    }

    @Test("A due retry that succeeds drains what waits behind it")
    func retrySucceeds() throws {
        var driver = driver(
            try Sample.watermark(1, parked: 2, status: .retrying), [],
            rows: [
                try Sample.row(2, reason: .retry, attempts: 1, due: 1_000_000),
                try Sample.row(3, reason: .behindFailure),
            ], conditions: Sample.conditions(isWake: true))
        let watermark = driver.run()
        #expect(watermark.version.number == 3)
        #expect(watermark.status == .ok)
        #expect(watermark.parked == 0)
        #expect(driver.rows.isEmpty)
    }

    @Test("A retry is not tried before it is due, unless the clock has jumped, and never by a delivery")
    func retryWaits() throws {
        func attempt(due: Int64, isWake: Bool, arrivals: [Arrival] = []) throws -> Int {
            var driver = driver(
                try Sample.watermark(1, parked: 1, status: .retrying), arrivals,
                rows: [try Sample.row(2, reason: .retry, attempts: 1, due: due)],
                conditions: Sample.conditions(isWake: isWake))
            let watermark = driver.run()
            #expect(watermark.parked == (watermark.version.number == 2 ? 0 : 1))
            return driver.pass.appliedEvents.count
        }
        #expect(try attempt(due: 1_000_001, isWake: true) == 0)
        #expect(try attempt(due: 1_000_000, isWake: true) == 1)
        #expect(try attempt(due: 1_000_000 + 60_000_001, isWake: true) == 1)
        #expect(try attempt(due: 0, isWake: false, arrivals: [try Sample.arrival(2)]) == 0)
    }

    @Test("A due retry that fails again waits again: one attempt a pass")
    func retryFails() throws {
        var driver = driver(
            try Sample.watermark(1, parked: 1, status: .retrying), [],
            rows: [try Sample.row(2, reason: .retry, attempts: 1, due: 0)], failing: [2],
            conditions: Sample.conditions(isWake: true))
        #expect(driver.run().status == .retrying)
        #expect(driver.rows.map(\.attempts) == [2])
    }

    @Test("After the last attempt the event is a dead letter, its row goes, and its aggregate is quarantined")
    func quarantine() throws {
        var driver = driver(
            try Sample.watermark(1, parked: 2, status: .retrying), [],
            rows: [
                try Sample.row(2, reason: .retry, attempts: 2, due: 0), try Sample.row(3, reason: .behindFailure),
            ], failing: [2], conditions: Sample.conditions(isWake: true, maxAttempts: 3))
        let watermark = driver.run()
        #expect(watermark.status == .quarantined)
        #expect(watermark.version.number == 1)
        #expect(watermark.parked == 1)
        #expect(driver.rows.map(\.version.number) == [3])
        #expect(driver.pass.failures.map(\.reason) == [.failed])
        #expect(driver.pass.failures.map(\.attempts) == [3])
    }

    @Test("A quarantined aggregate parks what comes, and a redelivered dead letter changes nothing")
    func quarantinedParks() throws {
        let letter = DeadLetterKey(
            aggregate: try Sample.aggregate(), version: try Sample.version(2), eventID: try EventID("e2"),
            reason: .failed, streamSequence: StreamSequence(2))
        var driver = driver(
            try Sample.watermark(1, status: .quarantined), [try Sample.arrival(2), try Sample.arrival(3)],
            letters: [letter])
        let watermark = driver.run()
        #expect(watermark.status == .quarantined)
        #expect(driver.pass.dispositions == [.init(2): .waiting, .init(3): .parked])
        #expect(driver.pass.rowsToPark.map(\.reason) == [.behindFailure])
        #expect(driver.pass.appliedEvents.isEmpty)
    }

    @Test("An event whose schema revision is newer than the code waits without an attempt")
    func newerRevision() throws {
        var pass = AggregatePass(
            claimed: try Sample.watermark(0), arrivals: [try Sample.arrival(1)], deadLetters: [],
            conditions: Sample.conditions(maxAttempts: 1))
        guard case .apply = pass.next() else {
            Issue.record("nothing to apply")
            return
        }
        pass.failed(HandlerFailure("newer", countsAsAttempt: false))
        #expect(pass.next() == .rest)
        #expect(pass.rowsToReplace.map(\.reason) == [.newerRevision])
        #expect(pass.failures.isEmpty)
        #expect(pass.finish(removed: 0).status == .retrying)
    }

    @Test("A drain that reaches its limit leaves the rest as a gap, for the sweeper")
    func limit() throws {
        var driver = driver(
            try Sample.watermark(0, parked: 3, status: .gap), [],
            rows: try [1, 2, 3].map { try Sample.row($0) }, conditions: Sample.conditions(isWake: true, limit: 2))
        let watermark = driver.run()
        #expect(watermark.version.number == 2)
        #expect(watermark.parked == 1)
        #expect(watermark.status == .gap)
    }
}
