import TertibCore
import Testing

/// A stream of one aggregate's events, which answers what a search reads.
struct SampleStream {
    private let messages: [WireMessage]
    /// The sequences that only the leader has yet.
    var onlyOnLeader: Set<Int> = []
    private(set) var reads: [String] = []

    /// Stores these versions in this order, each with the sequence of the message before it where `pointers` says so.
    init(_ versions: [Int], pointers: Bool = false) throws {
        messages = try versions.enumerated().map { index, version in
            var message = try Sample.arrival(version).message
            if pointers { message.headers.append(HeaderField(Header.expectedLastSubjectSequence, "\(index)")) }
            return message
        }
    }

    private func logged(_ number: Int) -> LoggedMessage {
        LoggedMessage(
            message: messages[number - 1], sequence: StreamSequence(UInt64(number)),
            storedAt: Timestamp(microseconds: 0))
    }

    func stored(_ sequence: Int) -> [UInt8] { StoredEnvelope.encode(messages[sequence - 1]) }

    /// Reads what a search says until its round is over, `limit` reads at most.
    mutating func run(_ search: inout GapSearch, limit: Int = .max) -> [Int] {
        var input = GapSearch.Input.begin
        let before = reads.count
        while true {
            switch search.advance(input, mayReadOn: reads.count - before < limit) {
            case .readMessage(let sequence, let fromLeader):
                let number = Int(sequence.number)
                reads.append("\(number)\(fromLeader ? " from leader" : "")")
                input = .message(nil)
                if (1...messages.count).contains(number), fromLeader || !onlyOnLeader.contains(number) {
                    input = .message(logged(number))
                }
            case .searchSubject(let subject, let sequence):
                reads.append("search from \(sequence)")
                let number = Int(sequence.number)
                input = .message(nil)
                if subject == "test.product.1", number <= messages.count {
                    input = .message(logged(number))
                }
            case .finish(let run): return run.map { Int($0.sequence.number) }
            }
        }
    }
}

@Suite("Reading what a gap misses")
struct GapSearchTests {
    private func gap(
        watermark: Int = 0, at sequence: Int = 0, lowestParked: Int, stored: [UInt8] = []
    ) throws -> Gap {
        Gap(
            aggregate: try Sample.aggregate(), watermark: try Sample.version(watermark),
            watermarkSequence: StreamSequence(UInt64(sequence)), lowestParked: try Sample.version(lowestParked),
            lowestStored: stored, oldestParkedAt: Timestamp(microseconds: 0))
    }

    private func search(
        _ gap: Gap, limit: Int = 10, reads: Int = 1000, maySearch: Bool = true, hasNoRoom: Bool = false
    ) throws -> GapSearch {
        var search = GapSearch(gap, codec: try Sample.codec())
        _ = search.begin(.init(maySearch: maySearch, hasNoRoom: hasNoRoom, limit: limit, reads: reads), gap)
        return search
    }

    @Test("It goes through the whole subject, and not on when the replica is asked to stop")
    func stops() throws {
        var stream = try SampleStream(Array(2...201))
        var search = try search(try gap(lowestParked: 2))
        #expect(stream.run(&search, limit: 0).isEmpty)
        #expect(stream.reads.isEmpty)
        #expect(stream.run(&search).isEmpty)
        #expect(stream.reads.count == 201)
        #expect(search.readsLeft == 1000 - 201)
    }

    @Test("It follows the pointers from the lowest parked event back to the missing versions")
    func pointers() throws {
        var stream = try SampleStream([1, 2, 3, 4], pointers: true)
        var search = try search(
            try gap(watermark: 1, at: 1, lowestParked: 4, stored: stream.stored(4)), maySearch: false)
        #expect(stream.run(&search) == [2, 3])
        #expect(stream.reads == ["3", "2", "2", "3"], "the way back, then the run")
    }

    @Test("It asks the leader where a replica does not have the message yet, and counts that as one read")
    func leader() throws {
        var stream = try SampleStream([1, 2, 3], pointers: true)
        stream.onlyOnLeader = [2]
        var search = try search(
            try gap(watermark: 1, at: 1, lowestParked: 3, stored: stream.stored(3)), maySearch: false)
        #expect(stream.run(&search) == [2])
        #expect(stream.reads == ["2", "2 from leader", "2", "2 from leader"])
        #expect(search.readsLeft == 998)
    }

    @Test("A pointer that leads to no event of the gap ends its way, and the subject is searched if it may be")
    func wrongPointer() throws {
        var stream = try SampleStream([2, 1, 9, 3], pointers: true)
        let gap = try gap(watermark: 1, at: 2, lowestParked: 3, stored: stream.stored(4))
        var pointing = try search(gap, maySearch: false)
        #expect(stream.run(&pointing).isEmpty)
        #expect(stream.reads == ["3"])
        var searching = try search(gap)
        #expect(stream.run(&searching) == [1], "behind the watermark, then before it")
    }

    @Test("It begins behind the watermark's message, and searches what lies before it last")
    func order() throws {
        var stream = try SampleStream(Array(101...200) + Array(1...100))
        var search = try search(try gap(watermark: 90, at: 190, lowestParked: 110), limit: 1)
        #expect(stream.run(&search) == [191])
        #expect(search.readsLeft == 998, "one read finds the place, one reads the message")
        let later = try gap(watermark: 100, at: 200, lowestParked: 110)
        let hasMoved = search.begin(.init(maySearch: true, limit: 1, reads: 1000), later)
        #expect(hasMoved)
        #expect(stream.run(&search) == [1])
        #expect(search.readsLeft == 997, "the subject's end behind the watermark, then its beginning")
    }

    @Test("It reads on through what is parked when there is no room for more, so that one read closes many holes")
    func withoutRoom() throws {
        for (hasNoRoom, expected) in [(false, [11]), (true, Array(11...50))] {
            var stream = try SampleStream(Array(1...100))
            var search = try search(
                try gap(watermark: 10, at: 10, lowestParked: 12), limit: 40, hasNoRoom: hasNoRoom)
            #expect(stream.run(&search) == expected)
        }
    }

    @Test("It is over when neither way has the version, and reads everything again when asked to")
    func exhausted() throws {
        var stream = try SampleStream(Array(101...110))
        let gap = try gap(watermark: 90, at: 5, lowestParked: 101)
        var search = try search(gap)
        for round in 1...2 {
            _ = search.begin(.init(maySearch: true, limit: 10, reads: 1000), gap)
            #expect(stream.run(&search).isEmpty)
            #expect(search.isExhausted)
            #expect(1000 - search.readsLeft == 11, "round \(round): each message once, and the subject's end")
            search.startAgain()
        }
    }

    @Test("It ends when its reads are used up, or its time is over, and goes on from there in the next round")
    func ends() throws {
        var stream = try SampleStream(Array(2...201))
        let gap = try gap(lowestParked: 2)
        var search = try search(gap, reads: 20)
        #expect(stream.run(&search).isEmpty)
        #expect(stream.reads.last == "search from 20")
        _ = search.begin(.init(maySearch: true, limit: 10, reads: 1000), gap)
        #expect(stream.run(&search, limit: 20).isEmpty)
        #expect(stream.reads.last == "search from 40")
        #expect(!search.isExhausted)
    }

    @Test("A place that has lost its event since is forgotten, and the search begins again")
    func lostTail() throws {
        var stream = try SampleStream([1, 2, 3])
        let gap = try gap(watermark: 1, at: 1, lowestParked: 9)
        var search = try search(gap, limit: 1)
        #expect(stream.run(&search) == [2])
        var other = try SampleStream([1, 5, 2, 3])
        _ = search.begin(.init(maySearch: true, limit: 1, reads: 1000), gap)
        #expect(other.run(&search).isEmpty, "sequence 2 has another event now")
        #expect(!search.isExhausted)
        #expect(other.run(&search) == [3])
    }

    @Test("Of two messages of a version the one with the lower sequence is read")
    func lowerSequence() throws {
        var stream = try SampleStream([1, 3, 2, 2])
        var search = try search(try gap(watermark: 1, at: 1, lowestParked: 3))
        #expect(stream.run(&search) == [3])
    }

    @Test("A run ends below the lowest parked version, at its limit, and with the reads")
    func runs() throws {
        for (lowestParked, limit, reads, expected) in [
            (6, 10, 100, [2, 3, 4, 5]), (6, 2, 100, [2, 3]), (6, 10, 3, [2, 3]),
        ] {
            var stream = try SampleStream(Array(1...6), pointers: true)
            let gap = try gap(watermark: 1, at: 1, lowestParked: lowestParked, stored: stream.stored(6))
            var search = try search(gap, limit: limit, reads: 100)
            _ = stream.run(&search)
            _ = search.begin(.init(maySearch: false, limit: limit, reads: reads), gap)
            // The pointers were followed in the first round; this one only reads the run.
            #expect(stream.run(&search).prefix(expected.count) == expected[...])
        }
    }
}

@Suite("Which gaps a sweep searches for")
struct RepairScheduleTests {
    private func gap(_ id: String, watermark: Int = 0, parkedAt: Int64 = 0) throws -> Gap {
        Gap(
            aggregate: try Sample.aggregate(id), watermark: try Sample.version(watermark), watermarkSequence: .none,
            lowestParked: try Sample.version(watermark + 2), lowestStored: [],
            oldestParkedAt: Timestamp(microseconds: parkedAt))
    }

    private func now(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

    /// The searches of one sweep, each of which finds nothing in an empty stream.
    private func sweep(
        _ schedule: inout RepairSchedule, _ gaps: [Gap], at seconds: Int, withoutRoom: Set<Aggregate> = [],
        hasUndelivered: Bool = false
    ) throws -> [String] {
        let monotonic = Duration.seconds(seconds)
        schedule.begin(gaps, now: now(Int64(seconds)), withoutRoom: withoutRoom, at: monotonic)
        var searched: [String] = []
        while var search = schedule.next(at: monotonic, hasUndelivered: hasUndelivered) {
            searched.append(search.gap.aggregate.id.text)
            var stream = try SampleStream([])
            let found = stream.run(&search)
            schedule.ended(search, hasFound: !found.isEmpty, at: monotonic, jitter: 0.5)
        }
        return searched
    }

    @Test("Each time another gap is the first, and one that stays backs off until its watermark moves")
    func turns() throws {
        var schedule = RepairSchedule(codec: try Sample.codec())
        let gaps = try ["a", "b", "c"].map { try gap($0) }
        #expect(try sweep(&schedule, gaps, at: 100) == ["b", "c", "a"])
        #expect(!schedule.isGoingOn)
        #expect(schedule.waiting == 3)
        #expect(try sweep(&schedule, gaps, at: 100) == [], "they back off")
        #expect(try sweep(&schedule, [try gap("a", watermark: 1), gaps[1]], at: 100) == ["a"], "it has moved")
        #expect(try sweep(&schedule, gaps, at: 200).count == 3)
        #expect(try sweep(&schedule, [], at: 200) == [])
        #expect(schedule.waiting == 0, "what is no gap any more is forgotten")
    }

    @Test("The wait doubles from a quarter of a second to half a minute, spread over its upper half")
    func backoff() throws {
        var schedule = RepairSchedule(codec: try Sample.codec())
        let gaps = [try gap("a")]
        var time = Duration.seconds(100)
        var waits: [Duration] = []
        for _ in 0..<9 {
            schedule.begin(gaps, now: now(100), withoutRoom: [], at: time)
            let nextsearch = schedule.next(at: time, hasUndelivered: false)
            var search = try #require(nextsearch)
            var stream = try SampleStream([])
            _ = stream.run(&search)
            schedule.ended(search, hasFound: false, at: time, jitter: 0)
            let start = time
            while schedule.begins(gaps, at: time) == false { time += .milliseconds(5) }
            waits.append(time - start)
        }
        #expect(waits.map { $0 / .milliseconds(1) } == [125, 250, 500, 1000, 2000, 4000, 8000, 15000, 15000])
    }

    @Test("While the broker has undelivered messages a young gap is not searched for, unless it has no room")
    func patience() throws {
        func reads(age: Int64, hasUndelivered: Bool, hasNoRoom: Bool) throws -> Int {
            var schedule = RepairSchedule(codec: try Sample.codec())
            let gap = try gap("1", parkedAt: (100 - age) * 1_000_000)
            schedule.begin([gap], now: now(100), withoutRoom: hasNoRoom ? [gap.aggregate] : [], at: .zero)
            let nextsearch = schedule.next(at: .zero, hasUndelivered: hasUndelivered)
            var search = try #require(nextsearch)
            var stream = try SampleStream([5])
            _ = stream.run(&search)
            return stream.reads.count
        }
        #expect(try reads(age: 1, hasUndelivered: true, hasNoRoom: false) == 0)
        #expect(try reads(age: 1, hasUndelivered: false, hasNoRoom: false) == 2)
        #expect(try reads(age: 1, hasUndelivered: true, hasNoRoom: true) == 2)
        #expect(try reads(age: 6, hasUndelivered: true, hasNoRoom: false) == 2)
        #expect(try reads(age: -1, hasUndelivered: true, hasNoRoom: false) == 2, "parked under a wrong clock")
    }

    @Test("The reads of a sweep are shared, and what one gap does not use is left to the others")
    func shares() throws {
        var schedule = RepairSchedule(codec: try Sample.codec())
        let gaps = try (0..<100).map { try gap("\($0)") }
        schedule.begin(gaps, now: now(100), withoutRoom: [], at: .zero)
        var shares: [Int] = []
        while let search = schedule.next(at: .zero, hasUndelivered: false) {
            shares.append(search.readsLeft)
            if shares.count > 32 { continue }
        }
        #expect(shares == Array(repeating: 32, count: 32), "the least share each, until the budget is used up")
        #expect(try sweep(&schedule, gaps, at: 200).count == 100, "a search that reads little costs little")
        schedule.begin(gaps, now: now(1000), withoutRoom: [], at: .seconds(1000))
        let late = schedule.next(at: .seconds(1002), hasUndelivered: false)
        #expect(late == nil, "the sweep's time is over")
    }

    @Test("A sweep goes on while something is found, or a stream was not read to its end")
    func goesOn() throws {
        var schedule = RepairSchedule(codec: try Sample.codec())
        schedule.begin([try gap("1")], now: now(100), withoutRoom: [], at: .zero)
        let nextsearch = schedule.next(at: .zero, hasUndelivered: false)
        var search = try #require(nextsearch)
        var stream = try SampleStream([1])
        #expect(stream.run(&search) == [1])
        schedule.ended(search, hasFound: true, at: .zero, jitter: 0)
        #expect(schedule.isGoingOn)
        schedule.begin([try gap("1", parkedAt: 100_000_000)], now: now(100), withoutRoom: [], at: .zero)
        let nextwaiting = schedule.next(at: .zero, hasUndelivered: true)
        var waiting = try #require(nextwaiting)
        var other = try SampleStream([5])
        _ = other.run(&waiting)
        schedule.ended(waiting, hasFound: false, at: .zero, jitter: 0)
        #expect(schedule.isGoingOn, "it waits for its search, and not for its time")
    }
}

extension RepairSchedule {
    /// Whether a sweep would search for a gap at this time.
    fileprivate func begins(_ gaps: [Gap], at time: Duration) -> Bool {
        var copy = self
        copy.begin(gaps, now: Timestamp(microseconds: 100_000_000), withoutRoom: [], at: time)
        return copy.next(at: time, hasUndelivered: false) != nil
    }
}
