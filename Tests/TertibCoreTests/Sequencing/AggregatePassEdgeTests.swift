import Testing
import TertibCore

@Suite("The edges of an aggregate's way through a batch")
struct AggregatePassEdgeTests {
    private func driver(
        _ watermark: Watermark, _ arrivals: [Arrival], rows: [ParkedEvent] = [], letters: [DeadLetterKey] = [],
        failing: Set<Int64> = [], conditions: AggregatePass.Conditions = Sample.conditions()
    ) -> PassDriver {
        let sorted = arrivals.sorted(by: Arrival.isAppliedBefore)
        return PassDriver(
            AggregatePass(claimed: watermark, arrivals: sorted, deadLetters: letters, conditions: conditions),
            rows: rows, failing: failing)
    }

    private func letter(_ number: Int, event: String? = nil, reason: DeadLetterReason = .failed) throws -> DeadLetterKey
    {
        DeadLetterKey(
            aggregate: try Sample.aggregate(), version: try Sample.version(number),
            eventID: try EventID(event ?? "e\(number)"), reason: reason,
            streamSequence: StreamSequence(UInt64(number)))
    }

    @Test("A limit keeps the lowest versions, and gives back the others with all their copies", arguments: 0...4)
    func limit(count: Int) throws {
        var arrivals = try [3, 4, 5].map { try Sample.arrival($0) }
        arrivals.append(try Sample.arrival(5, sequence: 9, ticket: 6))
        var pass = AggregatePass(
            claimed: try Sample.watermark(0), arrivals: arrivals, deadLetters: [], conditions: Sample.conditions())
        #expect(pass.next() == .rest)
        let given = pass.limitParking(to: count)
        let kept = min(count, 3)
        #expect(pass.rowsToPark.map(\.version.number) == Array([3, 4, 5].prefix(kept)))
        #expect(Set(given.map(\.number)) == [Set([3, 4, 5, 6]), [4, 5, 6], [5, 6], [], []][count])
        #expect(given.allSatisfy { pass.dispositions[$0] == nil })
        #expect(pass.finish(removed: 0).parked == kept)
    }

    @Test("What rests stays at rest, and parks nothing twice")
    func restsOnce() throws {
        var pass = AggregatePass(
            claimed: try Sample.watermark(0), arrivals: try [3, 4].map { try Sample.arrival($0) }, deadLetters: [],
            conditions: Sample.conditions())
        #expect(pass.next() == .rest)
        #expect(pass.next() == .rest)
        #expect(pass.rowsToPark.count == 2)
        #expect(pass.waitingTickets.isEmpty)
        #expect(pass.finish(removed: 0).parked == 2)
    }

    @Test("A dead letter that is delivered again changes nothing; another event of its version is one too")
    func deadLetterAgain() throws {
        let again = try Sample.arrival(2, ticket: 1)
        let other = try Sample.arrival(2, event: "other", sequence: 9, ticket: 2)
        for arrivals in [[again], [other], [again, other]] {
            var driver = driver(
                try Sample.watermark(1, status: .quarantined), arrivals, letters: [try letter(2)])
            let watermark = driver.run()
            #expect(watermark.parked == 0 && driver.rows.isEmpty)
            #expect(watermark.status == .quarantined)
            for arrival in arrivals {
                let isOther = arrival.ticket == other.ticket
                #expect(driver.pass.dispositions[arrival.ticket] == (isOther ? .deadLettered : .waiting))
            }
            let forks = driver.pass.failures.map(\.event.eventID.text)
            #expect(forks == (arrivals.contains(other) ? ["other"] : []))
        }
    }

    @Test("Dead letters are asked for only when one can matter")
    func needsDeadLetters() throws {
        let (same, other) = (try Sample.arrival(2), try Sample.arrival(2, event: "other"))
        let later = try Sample.arrival(3, event: "other")
        let watermark = try Sample.watermark(2)
        #expect(!AggregatePass.needsDeadLetters(of: watermark, for: []))
        #expect(!AggregatePass.needsDeadLetters(of: watermark, for: [same, later]))
        #expect(AggregatePass.needsDeadLetters(of: watermark, for: [same, other]))
        #expect(AggregatePass.needsDeadLetters(of: try Sample.watermark(2, status: .quarantined), for: []))
    }

    @Test("A known fork that is delivered again behind a gap is not parked")
    func knownForkAgain() throws {
        var driver = driver(
            try Sample.watermark(1, status: .quarantined), [try Sample.arrival(4, event: "fork")],
            letters: [try letter(4, event: "fork", reason: .forked)])
        #expect(driver.run().parked == 0)
        #expect(driver.rows.isEmpty)
        #expect(driver.pass.dispositions == [.init(4): .waiting])
    }

    @Test("A parked event that fails waits with the reason of a retry")
    func parkedFails() throws {
        var driver = driver(
            try Sample.watermark(1, parked: 1, status: .gap), [], rows: [try Sample.row(2)], failing: [2],
            conditions: Sample.conditions(isWake: true))
        _ = driver.run()
        #expect(driver.rows.map(\.reason) == [.retry])
    }

    @Test("An event's outcome is reported once; a second report is a mistake of the caller, and traps")
    func reportedOnce() async {
        await #expect(processExitsWith: .failure) {
            var pass = AggregatePass(
                claimed: try Sample.watermark(0), arrivals: [try Sample.arrival(1)], deadLetters: [],
                conditions: Sample.conditions())
            _ = pass.next()
            pass.applied()
            pass.applied()
        }
        await #expect(processExitsWith: .failure) {
            var pass = AggregatePass(
                claimed: try Sample.watermark(0), arrivals: [try Sample.arrival(1)], deadLetters: [],
                conditions: Sample.conditions())
            _ = pass.next()
            pass.failed(HandlerFailure("no"))
            pass.failed(HandlerFailure("no"))
        }
    }

    @Test("A failure is written with its reason, and tried again after the delay of the attempt to come")
    func failure() throws {
        var driver = driver(
            try Sample.watermark(1, parked: 1, status: .retrying), [],
            rows: [try Sample.row(2, reason: .retry, attempts: 1, due: 0)], failing: [2],
            conditions: Sample.conditions(isWake: true))
        #expect(driver.run().status == .retrying)
        let row = try #require(driver.rows.first)
        #expect(row.attempts == 2)
        #expect(row.error == "no")
        #expect(row.reason == .retry)
        // The third attempt is the second retry: twice the initial delay, of which jitter takes the half.
        #expect(row.nextAttemptAt == Timestamp(microseconds: 1_000_000).advanced(by: .milliseconds(200)))
    }

    @Test("A delivery that fails for good is acknowledged as a dead letter, and its copy with it")
    func failsForGood() throws {
        var driver = driver(
            try Sample.watermark(1), [try Sample.arrival(2), try Sample.arrival(2, sequence: 9, ticket: 7)],
            failing: [2], conditions: Sample.conditions(maxAttempts: 1))
        #expect(driver.run().status == .quarantined)
        #expect(driver.pass.dispositions == [.init(2): .deadLettered, .init(7): .waiting])
        #expect(driver.rows.isEmpty)
    }

    @Test("The watermark has the stream sequence of the event that it names")
    func sequence() throws {
        var driver = driver(try Sample.watermark(1), [try Sample.arrival(2, sequence: 77)])
        #expect(driver.run().streamSequence == StreamSequence(77))
    }

    @Test("What waits behind a failure is parked with that reason")
    func behindFailure() throws {
        var driver = driver(
            try Sample.watermark(1), try [2, 3].map { try Sample.arrival($0) }, failing: [2])
        _ = driver.run()
        #expect(driver.rows.map(\.reason) == [.retry, .behindFailure])
    }

    @Test("A batch is applied by aggregate, then version, then stream sequence")
    func order() throws {
        let ordered = [
            try Sample.arrival(2, of: "1", sequence: 9), try Sample.arrival(1, of: "2", sequence: 7),
            try Sample.arrival(1, of: "2", sequence: 8), try Sample.arrival(3, of: "2", sequence: 1),
        ]
        for (left, earlier) in ordered.enumerated() {
            for (right, later) in ordered.enumerated() {
                #expect(Arrival.isAppliedBefore(earlier, later) == (left < right))
            }
        }
    }

    @Test("An aggregate that retries goes on by itself once the row of its retry has gone")
    func retryHasGone() throws {
        var gone = driver(
            try Sample.watermark(1, parked: 1, status: .retrying), [try Sample.arrival(2)],
            rows: [try Sample.row(4)], conditions: Sample.conditions(isWake: true))
        var watermark = gone.run()
        #expect(watermark.version.number == 2)
        #expect(watermark.status == .gap)
        var nothing = driver(
            try Sample.watermark(1, status: .retrying), [], conditions: Sample.conditions(isWake: true))
        watermark = nothing.run()
        #expect(watermark.status == .ok)
        var waits = driver(try Sample.watermark(1, status: .retrying), [try Sample.arrival(2)])
        #expect(waits.run().status == .retrying)
        #expect(waits.rows.map(\.reason) == [.behindFailure])
    }

    @Test("A retry that succeeds ends the retrying, also where the transaction has no room for more")
    func retrySucceeds() throws {
        var driver = driver(
            try Sample.watermark(1, parked: 2, status: .retrying), [],
            rows: [try Sample.row(2, reason: .retry, due: 0), try Sample.row(3)],
            conditions: Sample.conditions(isWake: true, limit: 1))
        #expect(driver.run().status == .gap)
    }

    @Test("A retry is due at its time, and also when its time is further away than any delay")
    func due() throws {
        for (next, isApplied) in [(1_000_000, true), (1_000_001, false), (61_000_000, false), (61_000_001, true)] {
            var driver = driver(
                try Sample.watermark(1, parked: 1, status: .retrying), [],
                rows: [try Sample.row(2, reason: .retry, attempts: 1, due: Int64(next))],
                conditions: Sample.conditions(isWake: true))
            let watermark = driver.run()
            #expect(watermark.version.number == (isApplied ? 2 : 1), "due at \(next)")
            #expect(watermark.status == (isApplied ? .ok : .retrying), "due at \(next)")
        }
    }

    @Test("No more is applied in one transaction than the limit says, and what is left stays parked", arguments: 0...4)
    func appliedLimit(limit: Int) throws {
        var driver = driver(
            try Sample.watermark(1, parked: 2, status: .gap), [try Sample.arrival(2)],
            rows: try [3, 4].map { try Sample.row($0) }, conditions: Sample.conditions(limit: limit))
        let watermark = driver.run()
        #expect(Int(watermark.version.number) == 1 + min(limit, 3))
        #expect(watermark.parked == driver.rows.count)
        #expect(watermark.status == (limit >= 3 ? .ok : .gap))
    }

    @Test("A lone gapped arrival is held where it may be, and only where nothing else waits")
    func held() throws {
        let arrival = try Sample.arrival(4)
        func disposition(_ watermark: Watermark, _ arrivals: [Arrival], holdable: Set<Arrival.Ticket>) -> Disposition? {
            var driver = driver(
                watermark, arrivals, rows: [], conditions: Sample.conditions(holdable: holdable))
            _ = driver.run()
            return driver.pass.dispositions[arrival.ticket]
        }
        let may: Set = [arrival.ticket]
        #expect(disposition(try Sample.watermark(1), [arrival], holdable: may) == .held)
        #expect(disposition(try Sample.watermark(1), [arrival], holdable: []) == .parked)
        #expect(disposition(try Sample.watermark(1), [arrival, try Sample.arrival(5)], holdable: may) == .parked)
        #expect(disposition(try Sample.watermark(1, parked: 1, status: .gap), [arrival], holdable: may) == .parked)
        for status in [AggregateStatus.retrying, .quarantined] {
            #expect(disposition(try Sample.watermark(1, status: status), [arrival], holdable: may) == .parked)
        }
    }

    @Test("A row exists from its first write on")
    func exists() throws {
        #expect(!Watermark(aggregate: try Sample.aggregate()).exists)
        #expect(Watermark(aggregate: try Sample.aggregate(), revision: 1).exists)
    }

    @Test("An event whose schema is newer waits for the longest delay, and it is no attempt")
    func newerRevision() throws {
        var pass = AggregatePass(
            claimed: try Sample.watermark(1), arrivals: [try Sample.arrival(2)], deadLetters: [],
            conditions: Sample.conditions(maxAttempts: 1))
        guard case .apply = pass.next() else { return #expect(Bool(false), "nothing to apply") }
        pass.failed(HandlerFailure("newer", countsAsAttempt: false))
        #expect(pass.next() == .rest)
        let row = try #require(pass.rowsToReplace.first)
        #expect(row.reason == .newerRevision)
        #expect(row.attempts == 0)
        #expect(row.nextAttemptAt == Timestamp(microseconds: 1_000_000).advanced(by: .seconds(60)))
        #expect(pass.failures.isEmpty)
        #expect(pass.finish(removed: 0).status == .retrying)
    }
}
