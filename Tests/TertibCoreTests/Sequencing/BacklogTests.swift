import TertibCore
import Testing

@Suite("The backlog of a replica")
struct BacklogTests {
    /// A report of these dispositions, by way of a transaction that gives them.
    private func report(_ dispositions: [Disposition]) throws -> BatchReport {
        var consumer = try SampleConsumer()
        var arrivals: [Arrival] = []
        var holdable: [Bool] = []
        var rules = try Sample.rules()
        for (index, disposition) in dispositions.enumerated() {
            let id = "\(index)"
            let aggregate = try Sample.aggregate(id)
            holdable.append(disposition == .held)
            switch disposition {
            case .applied: arrivals.append(try Sample.arrival(1, of: id))
            case .stale:
                consumer.watermarks[aggregate] = try Sample.watermark(3, of: id)
                arrivals.append(try Sample.arrival(1, of: id))
            case .held: arrivals.append(try Sample.arrival(4, of: id))
            case .lost:
                consumer.claimedElsewhere.insert(aggregate)
                arrivals.append(try Sample.arrival(1, of: id))
            case .noRoom:
                rules = try Sample.rules(maxParked: 0)
                arrivals.append(try Sample.arrival(4, of: id))
            case .parked, .waiting, .deadLettered: throw IdentityError("disposition", "is not needed")
            }
        }
        consumer.rules = rules
        guard case .finished(let report) = consumer.run(Batch(arrivals: arrivals, holdable: holdable), mode: .fast)
        else {
            throw IdentityError("transaction", "gave up")
        }
        #expect(report.dispositions == dispositions)
        return report
    }

    private func take(
        _ backlog: inout Backlog<Int>, _ items: [Int] = [], limit: Int = 100, now: Int = 0, heldLimit: Int = 256
    ) -> (items: [Int], holdable: [Bool]) {
        let selection = backlog.take(
            adding: items, malformed: [], limit: limit, now: .milliseconds(now), hold: .milliseconds(50),
            heldLimit: heldLimit)
        return (selection.items, selection.holdable)
    }

    @Test("What a batch has not settled joins the next one, before what is new")
    func carried() throws {
        var backlog = Backlog<Int>()
        #expect(backlog.isEmpty)
        #expect(take(&backlog, [1, 2, 3, 4]).items == [1, 2, 3, 4])
        backlog.committed(try report([.held, .applied, .lost, .stale]), now: .zero)
        #expect(backlog.count == 2)
        #expect(take(&backlog, [5]).items == [1, 3, 5])
        backlog.committed(try report([.applied, .applied, .noRoom]), now: .zero)
        #expect(take(&backlog).items == [5])
    }

    @Test("What a batch has no room for comes before everything else that is carried")
    func beyondTheLimit() throws {
        var backlog = Backlog<Int>()
        #expect(take(&backlog, [1, 2, 3], limit: 2).items == [1, 2])
        #expect(backlog.count == 3)
        backlog.committed(try report([.lost, .applied]), now: .zero)
        #expect(take(&backlog).items == [3, 1])
    }

    @Test("A whole batch that conflicts stays, and counts as a loss until one loses nothing")
    func conflicted() throws {
        var backlog = Backlog<Int>()
        _ = take(&backlog, [1, 2])
        backlog.conflicted()
        #expect(backlog.losses == 1)
        #expect(take(&backlog).items == [1, 2])
        backlog.committed(try report([.lost, .applied]), now: .zero)
        #expect(backlog.losses == 2)
        _ = take(&backlog)
        backlog.committed(try report([.applied]), now: .zero)
        #expect(backlog.losses == 0)
        #expect(backlog.isEmpty)
    }

    @Test("An item is held until it has waited for the hold, counted from the first time")
    func hold() throws {
        var backlog = Backlog<Int>()
        #expect(take(&backlog, [1]).holdable == [true])
        backlog.committed(try report([.held]), now: .milliseconds(5))
        #expect(take(&backlog, now: 54).holdable == [true])
        backlog.committed(try report([.held]), now: .milliseconds(54))
        #expect(take(&backlog, now: 55).holdable == [false])
    }

    @Test("Once the limit of held items is reached, no new one may be held")
    func heldLimit() throws {
        var backlog = Backlog<Int>()
        _ = take(&backlog, [1, 2], heldLimit: 2)
        backlog.committed(try report([.held, .held]), now: .zero)
        #expect(take(&backlog, [3], now: 1, heldLimit: 2).holdable == [true, true, false])
    }

    @Test("Malformed messages are in every batch until they are saved")
    func malformed() throws {
        var backlog = Backlog<Int>()
        let selection = backlog.take(
            adding: [], malformed: [Sample.malformed(ticket: 1)], limit: 1, now: .zero, hold: .zero, heldLimit: 1)
        #expect(selection.malformed.count == 1)
        backlog.conflicted()
        #expect(backlog.count == 1)
        var consumer = try SampleConsumer()
        guard case .finished(let report) = consumer.run(Batch(malformed: selection.malformed), mode: .fast) else {
            Issue.record("the transaction gave up")
            return
        }
        backlog.committed(report, now: .zero)
        #expect(backlog.isEmpty)
    }

    @Test("It waits for a fraction of the hold, or after losses and without room for a growing time with full jitter")
    func wait() throws {
        var backlog = Backlog<Int>()
        #expect(backlog.wait(hold: .milliseconds(80), jitter: 0.5) == .milliseconds(10))
        #expect(backlog.wait(hold: .zero, jitter: 0.5) == .milliseconds(1))
        for expected in [1, 2, 4, 8, 16, 32, 32].map({ Duration.milliseconds($0) }) {
            _ = take(&backlog, [1])
            backlog.conflicted()
            #expect(backlog.wait(hold: .milliseconds(80), jitter: 0.5) == expected)
        }
        #expect(backlog.wait(hold: .milliseconds(80), jitter: 0) == .microseconds(200))
        backlog = Backlog()
        for expected in [1, 2].map({ Duration.milliseconds($0) }) {
            _ = take(&backlog, backlog.isEmpty ? [1] : [])
            backlog.committed(try report([.noRoom]), now: .zero)
            #expect(backlog.wait(hold: .milliseconds(80), jitter: 0.5) == expected)
        }
    }
}
