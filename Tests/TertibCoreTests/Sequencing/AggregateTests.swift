import Testing
import TertibCore

@Suite("An aggregate's way through a transaction")
struct AggregateTests {
    private let no = HandlerFailure("no")

    @Test("A run of next events is applied in order, whatever the order of arrival")
    func run() throws {
        let run = try SampleRun(try Sample.watermark(2), try [5, 3, 4].map { try Sample.arrival($0) })
        #expect(run.applied == [3, 4, 5])
        #expect(run.watermark.version.number == 5)
        #expect(run.watermark.eventID?.text == "e5")
        #expect(run.watermark.status == .ok)
        #expect(Set(run.dispositions.values) == [.applied])
    }

    @Test("A duplicate within the batch is stale, and is not applied again")
    func duplicateInBatch() throws {
        let run = try SampleRun(
            try Sample.watermark(0),
            [try Sample.arrival(1), try Sample.arrival(1, sequence: 9, ticket: 2), try Sample.arrival(2, ticket: 3)])
        #expect(run.watermark.version.number == 2)
        #expect(run.applied.count == 2)
        #expect(run.dispositions[2] == .stale)
    }

    @Test("Parked rows and arrivals are drained in one loop, and rows at or below the watermark go")
    func drain() throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 3, status: .gap), [try Sample.arrival(2), try Sample.arrival(4)],
            rows: [try Sample.row(3), try Sample.row(5), try Sample.row(7)])
        #expect(run.applied == [2, 3, 4, 5])
        #expect(run.watermark.parked == 1)
        #expect(run.watermark.status == .gap)
        #expect(run.rows.map(\.version.number) == [7])
    }

    @Test("A drain reads its rows page by page", arguments: 1...5)
    func pages(size: Int) throws {
        let run = try SampleRun(
            try Sample.watermark(0, parked: 4, status: .gap), [try Sample.arrival(1)],
            rows: try [2, 3, 4, 5].map { try Sample.row($0) }, rules: try Sample.rules(pageSize: size))
        #expect(run.applied == [1, 2, 3, 4, 5])
        #expect(run.steps.count { $0 == "readParked" } == [5, 3, 2, 2, 1][size - 1])
        #expect(run.rows.isEmpty)
    }

    @Test("A delivered event that is parked too is drained from its row, once")
    func deliveredAndParked() throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .gap),
            [try Sample.arrival(2), try Sample.arrival(3, ticket: 30)], rows: [try Sample.row(3)])
        #expect(run.watermark.parked == 0)
        #expect(run.applied.count == 2)
        #expect(run.dispositions[30] == .waiting)
    }

    @Test("A gap is parked; one that is parked already waits")
    func park() throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .gap), [try Sample.arrival(3), try Sample.arrival(4)],
            rows: [try Sample.row(3)])
        #expect(run.watermark.parked == 2)
        #expect(run.dispositions == [3: .waiting, 4: .parked])
        #expect(!run.steps.contains("readParked"), "a gap that no arrival closes needs no read of what is parked")
    }

    @Test("A lone gapped arrival is held if it may be, a run is parked at once")
    func hold() throws {
        let lone = try SampleRun(
            try Sample.watermark(1), [try Sample.arrival(2), try Sample.arrival(4)], holdable: true)
        #expect(lone.watermark.parked == 0)
        #expect(lone.dispositions[4] == .held)
        let burst = try SampleRun(
            try Sample.watermark(1), [try Sample.arrival(4), try Sample.arrival(5)], holdable: true)
        #expect(burst.watermark.parked == 2)
        #expect(Set(burst.dispositions.values) == [.parked])
    }

    @Test("A lone gapped arrival is held where it may be, and only where nothing else waits")
    func held() throws {
        let arrival = try Sample.arrival(4)
        func disposition(_ watermark: Watermark, _ arrivals: [Arrival], holdable: Bool = true) throws -> Disposition? {
            try SampleRun(watermark, arrivals, holdable: holdable).dispositions[4]
        }
        #expect(try disposition(try Sample.watermark(1), [arrival]) == .held)
        #expect(try disposition(try Sample.watermark(1), [arrival], holdable: false) == .parked)
        #expect(try disposition(try Sample.watermark(1), [arrival, try Sample.arrival(5)]) == .parked)
        #expect(try disposition(try Sample.watermark(1, parked: 1, status: .gap), [arrival]) == .parked)
        for status in [AggregateStatus.retrying, .quarantined] {
            #expect(try disposition(try Sample.watermark(1, status: status), [arrival]) == .parked)
        }
    }

    @Test("An event that is held is resolved without a claim, and writes nothing")
    func heldWithoutClaim() throws {
        let run = try SampleRun(
            try Sample.watermark(1), [try Sample.arrival(1, ticket: 9), try Sample.arrival(3)], holdable: true)
        #expect(run.dispositions == [9: .stale, 3: .held])
        #expect(run.steps == ["readWatermarks", "finish"])
    }

    @Test("The watermark has the stream sequence of the event that it names")
    func sequence() throws {
        let run = try SampleRun(try Sample.watermark(1), [try Sample.arrival(2, sequence: 77)])
        #expect(run.watermark.streamSequence == StreamSequence(77))
    }

    @Test("A drain that reaches its limit leaves the rest as a gap, for the sweeper")
    func limit() throws {
        let run = try SampleRun(
            try Sample.watermark(0, parked: 3, status: .gap), [], rows: try [1, 2, 3].map { try Sample.row($0) },
            isWake: true, rules: try Sample.rules(drainLimit: 2))
        #expect(run.watermark.version.number == 2)
        #expect(run.watermark.parked == 1)
        #expect(run.watermark.status == .gap)
        #expect(run.report.hasLeftovers)
    }

    @Test("No more is applied in one transaction than the limit says, and what is left stays parked", arguments: 0...4)
    func appliedLimit(limit: Int) throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 2, status: .gap), [try Sample.arrival(2)],
            rows: try [3, 4].map { try Sample.row($0) }, rules: try Sample.rules(drainLimit: limit))
        #expect(Int(run.watermark.version.number) == 1 + min(limit, 3))
        #expect(run.watermark.parked == run.rows.count)
        #expect(run.watermark.status == (limit >= 3 ? .ok : .gap))
    }

    @Test("A row exists from its first write on")
    func exists() throws {
        #expect(!Watermark(aggregate: try Sample.aggregate()).exists)
        #expect(Watermark(aggregate: try Sample.aggregate(), revision: 1).exists)
    }

    // MARK: - Failing and trying again

    @Test("A failing event waits for its next attempt, and what follows waits behind it")
    func failure() throws {
        let run = try SampleRun(
            try Sample.watermark(0), try [1, 2, 3].map { try Sample.arrival($0) }, failing: [2: no])
        #expect(run.watermark.version.number == 1)
        #expect(run.watermark.status == .retrying)
        #expect(run.watermark.parked == 2)
        #expect(run.rows.map(\.reason) == [.retry, .behindFailure])
        #expect(run.rows.first?.attempts == 1)
        #expect(
            run.rows.first?.nextAttemptAt
                == Sample.now.advanced(by: RetryPolicy().delay(beforeAttempt: 2, jitter: Sample.jitter)))
        #expect(run.report.failures.map(\.event.version.number) == [2])
    }

    @Test("A redelivery of the failing event in the same batch waits with it, and the count stays exact")
    func failureWithDuplicate() throws {
        let arrivals = [try Sample.arrival(2), try Sample.arrival(2, sequence: 9, ticket: 20)]
        let run = try SampleRun(try Sample.watermark(1), arrivals, failing: [2: no])
        #expect(run.watermark.parked == 1)
        #expect(run.rows.map(\.reason) == [.retry])
        #expect(run.dispositions == [2: .parked, 20: .waiting])
        let last = try SampleRun(
            try Sample.watermark(1), arrivals, failing: [2: no], rules: try Sample.rules(maxAttempts: 1))
        #expect(last.watermark.parked == 0)
        #expect(last.rows.isEmpty, "nothing is parked beside its own dead letter")
    }

    @Test("A due retry that succeeds drains what waits behind it")
    func retrySucceeds() throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 2, status: .retrying), [],
            rows: [
                try Sample.row(2, reason: .retry, attempts: 1, due: 1_000_000),
                try Sample.row(3, reason: .behindFailure),
            ], isWake: true)
        #expect(run.watermark.version.number == 3)
        #expect(run.watermark.status == .ok)
        #expect(run.watermark.parked == 0)
        #expect(run.rows.isEmpty)
    }

    @Test("A retry that succeeds ends the retrying, also where the transaction has no room for more")
    func retrySucceedsAtTheLimit() throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 2, status: .retrying), [],
            rows: [try Sample.row(2, reason: .retry, due: 0), try Sample.row(3)], isWake: true,
            rules: try Sample.rules(drainLimit: 1))
        #expect(run.watermark.status == .gap)
    }

    @Test("A retry is not tried before it is due, unless the clock has jumped, and never by a delivery")
    func retryWaits() throws {
        func attempts(due: Int64, isWake: Bool, arrivals: [Arrival] = []) throws -> Int {
            let run = try SampleRun(
                try Sample.watermark(1, parked: 1, status: .retrying), arrivals,
                rows: [try Sample.row(2, reason: .retry, attempts: 1, due: due)], isWake: isWake)
            #expect(run.watermark.parked == (run.watermark.version.number == 2 ? 0 : 1))
            return run.applied.count
        }
        #expect(try attempts(due: 1_000_001, isWake: true) == 0)
        #expect(try attempts(due: 1_000_000, isWake: true) == 1)
        #expect(try attempts(due: 1_000_000 + 60_000_001, isWake: true) == 1)
        #expect(try attempts(due: 0, isWake: false, arrivals: [try Sample.arrival(2)]) == 0)
    }

    @Test("A retry is due at its time, and also when its time is further away than any delay")
    func due() throws {
        for (next, isApplied) in [(1_000_000, true), (1_000_001, false), (61_000_000, false), (61_000_001, true)] {
            let run = try SampleRun(
                try Sample.watermark(1, parked: 1, status: .retrying), [],
                rows: [try Sample.row(2, reason: .retry, attempts: 1, due: Int64(next))], isWake: true)
            #expect(run.watermark.version.number == (isApplied ? 2 : 1), "due at \(next)")
            #expect(run.watermark.status == (isApplied ? .ok : .retrying), "due at \(next)")
        }
    }

    @Test("A due retry that fails again waits again, for the delay of the attempt to come: one attempt a transaction")
    func retryFails() throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .retrying), [],
            rows: [try Sample.row(2, reason: .retry, attempts: 1, due: 0)], failing: [2: no], isWake: true)
        #expect(run.watermark.status == .retrying)
        let row = try #require(run.rows.first)
        #expect(row.attempts == 2)
        #expect(row.error == "no")
        #expect(row.reason == .retry)
        #expect(
            row.nextAttemptAt
                == Sample.now.advanced(by: RetryPolicy().delay(beforeAttempt: 3, jitter: Sample.jitter)))
    }

    @Test("A parked event that fails waits with the reason of a retry")
    func parkedFails() throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .gap), [], rows: [try Sample.row(2)], failing: [2: no],
            isWake: true)
        #expect(run.rows.map(\.reason) == [.retry])
    }

    @Test("An aggregate that retries goes on by itself once the row of its retry has gone")
    func retryHasGone() throws {
        let gone = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .retrying), [try Sample.arrival(2)], rows: [try Sample.row(4)],
            isWake: true)
        #expect(gone.watermark.version.number == 2)
        #expect(gone.watermark.status == .gap)
        let nothing = try SampleRun(try Sample.watermark(1, status: .retrying), [], isWake: true)
        #expect(nothing.watermark.status == .ok)
        let waits = try SampleRun(try Sample.watermark(1, status: .retrying), [try Sample.arrival(2)])
        #expect(waits.watermark.status == .retrying)
        #expect(waits.rows.map(\.reason) == [.behindFailure])
    }

    @Test("After the last attempt the event is a dead letter, its row goes, and its aggregate is quarantined")
    func quarantine() throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 2, status: .retrying), [],
            rows: [
                try Sample.row(2, reason: .retry, attempts: 2, due: 0), try Sample.row(3, reason: .behindFailure),
            ], failing: [2: no], isWake: true, rules: try Sample.rules(maxAttempts: 3))
        #expect(run.watermark.status == .quarantined)
        #expect(run.watermark.version.number == 1)
        #expect(run.watermark.parked == 1)
        #expect(run.rows.map(\.version.number) == [3])
        #expect(run.failures.map(\.deadLetter) == [.failed])
        #expect(run.deadLetters.map(\.attempts) == [3])
    }

    @Test("A delivery that fails for good is acknowledged as a dead letter, and its copy with it")
    func failsForGood() throws {
        let run = try SampleRun(
            try Sample.watermark(1), [try Sample.arrival(2), try Sample.arrival(2, sequence: 9, ticket: 7)],
            failing: [2: no], rules: try Sample.rules(maxAttempts: 1))
        #expect(run.watermark.status == .quarantined)
        #expect(run.dispositions == [2: .deadLettered, 7: .waiting])
        #expect(run.rows.isEmpty)
    }

    @Test("A quarantined aggregate parks what comes, and a redelivered dead letter changes nothing")
    func quarantinedParks() throws {
        let run = try SampleRun(
            try Sample.watermark(1, status: .quarantined), [try Sample.arrival(2), try Sample.arrival(3)],
            deadLetters: [try Sample.deadLetter(2)])
        #expect(run.watermark.status == .quarantined)
        #expect(run.dispositions == [2: .waiting, 3: .parked])
        #expect(run.rows.map(\.reason) == [.behindFailure])
        #expect(run.applied.isEmpty)
    }

    @Test("A dead letter that is delivered again changes nothing; another event of its version is one too")
    func deadLetterAgain() throws {
        let again = try Sample.arrival(2, ticket: 1)
        let other = try Sample.arrival(2, event: "other", sequence: 9, ticket: 2)
        for arrivals in [[again], [other], [again, other]] {
            let run = try SampleRun(
                try Sample.watermark(1, status: .quarantined), arrivals, deadLetters: [try Sample.deadLetter(2)])
            #expect(run.watermark.parked == 0 && run.rows.isEmpty)
            #expect(run.watermark.status == .quarantined)
            for arrival in arrivals {
                let isOther = arrival.ticket == other.ticket
                #expect(run.dispositions[arrival.ticket.number] == (isOther ? .deadLettered : .waiting))
            }
            #expect(run.failures.map(\.event.eventID.text) == (arrivals.contains(other) ? ["other"] : []))
        }
    }

    @Test("An event whose schema revision is newer than the code waits for the longest delay, and it is no attempt")
    func newerRevision() throws {
        let newer = HandlerFailure("newer", countsAsAttempt: false)
        let run = try SampleRun(
            try Sample.watermark(1), [try Sample.arrival(2)], failing: [2: newer],
            rules: try Sample.rules(maxAttempts: 1))
        let row = try #require(run.rows.first)
        #expect(row.reason == .newerRevision)
        #expect(row.attempts == 0)
        #expect(row.nextAttemptAt == Sample.now.advanced(by: .seconds(60)))
        #expect(run.failures.isEmpty)
        #expect(run.watermark.status == .retrying)
    }
}
