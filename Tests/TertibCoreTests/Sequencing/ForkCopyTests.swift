import Testing
import TertibCore

@Suite("Copies of two events of one version, in any order: an event stands where the first of its copies stands")
struct ForkCopyTests {
    private func driver(
        _ watermark: Watermark, _ arrivals: [Arrival], rows: [ParkedEvent] = [], letters: [DeadLetterKey] = []
    ) -> PassDriver {
        PassDriver(
            AggregatePass(
                claimed: watermark, arrivals: arrivals.sorted(by: Arrival.isAppliedBefore), deadLetters: letters,
                conditions: Sample.conditions()), rows: rows)
    }

    private func letter(_ version: Int, event: String, sequence: UInt64) throws -> DeadLetterKey {
        DeadLetterKey(
            aggregate: try Sample.aggregate(), version: try Sample.version(version), eventID: try EventID(event),
            reason: .forked, streamSequence: StreamSequence(sequence))
    }

    @Test(
        "An event whose copy became a dead letter behind the applied one still shows that the wrong branch was applied")
    func knownByItsCopy() throws {
        let letter = try letter(5, event: "other", sequence: 9)
        var late = driver(
            try Sample.watermark(5), [try Sample.arrival(5, event: "other", sequence: 2)], letters: [letter])
        #expect(late.run().status == .quarantined)
        #expect(late.pass.failures.map(\.event.sequence.number) == [2])
        #expect(late.pass.dispositions == [.init(5): .deadLettered])
        var further = driver(
            try Sample.watermark(5), [try Sample.arrival(5, event: "other", sequence: 10)], letters: [letter])
        #expect(further.run().status == .ok)
        #expect(further.pass.failures.isEmpty)
        #expect(further.pass.dispositions == [.init(5): .waiting])
    }

    @Test(
        "An event whose copy became a dead letter behind the parked one takes its row", arguments: [true, false],
        [true, false])
    func copyBehindParked(isRead: Bool, isBlocked: Bool) throws {
        let letter = try letter(4, event: "first", sequence: 9)
        var driver = PassDriver(
            AggregatePass(
                claimed: try Sample.watermark(1, parked: 1, status: isBlocked ? .quarantined : .gap),
                arrivals: [try Sample.arrival(4, event: "first", sequence: 2)], deadLetters: isRead ? [letter] : nil,
                conditions: Sample.conditions()),
            rows: [try Sample.row(4, event: "second", sequence: 5)])
        driver.letters = [letter]
        #expect(driver.run().parked == 1)
        #expect(driver.rows.map(\.eventID.text) == ["first"])
        #expect(driver.pass.failures.map(\.event.eventID.text) == ["second"])
    }

    @Test(
        "A parked event stands where the first of its copies stands, whatever its order of arrival", arguments: [2, 9])
    func parkedCopy(sequence: Int) throws {
        var waiting = driver(
            try Sample.watermark(1, parked: 1, status: .gap), [try Sample.arrival(4, sequence: sequence)],
            rows: [try Sample.row(4, sequence: 5)])
        #expect(waiting.run().parked == 1)
        #expect(waiting.rows.map(\.streamSequence.number) == [UInt64(min(sequence, 5))])
        #expect(waiting.pass.dispositions == [.init(4): .waiting])
        #expect(waiting.pass.retry == nil)
    }

    @Test("An event that is applied from its row stands where the first of its copies stands", arguments: [2, 9])
    func drainedCopy(sequence: Int) throws {
        var driver = driver(
            try Sample.watermark(3, parked: 1, status: .gap),
            [try Sample.arrival(4, sequence: sequence), try Sample.arrival(4, event: "other", sequence: 4, ticket: 5)],
            rows: [try Sample.row(4, sequence: 5)])
        let watermark = driver.run()
        #expect(watermark.eventID?.text == (sequence == 2 ? "e4" : "other"))
        #expect(watermark.streamSequence.number == UInt64(min(sequence, 4)))
        #expect(watermark.status == .ok)
    }

    @Test("A row that is not due yet learns of its earlier copy too, and keeps its attempts")
    func copyOfRetry() throws {
        var pass = AggregatePass(
            claimed: try Sample.watermark(3, parked: 1, status: .retrying),
            arrivals: [try Sample.arrival(4, sequence: 2)],
            deadLetters: nil, conditions: Sample.conditions(isWake: true))
        var row = try Sample.row(4, sequence: 5, reason: .retry, due: 2_000_000)
        row.attempts = 2
        var driver = PassDriver(pass, rows: [row])
        #expect(driver.run().status == .retrying)
        #expect(driver.rows.map(\.streamSequence.number) == [2])
        #expect(driver.rows.map(\.attempts) == [2])
        #expect(driver.rows.map(\.nextAttemptAt) == [row.nextAttemptAt])
        pass = driver.pass
        #expect(pass.retry == nil, "nothing has failed")
    }

    @Test("An earlier copy of the applied event tells where that event stands, and a fork behind it changes nothing")
    func appliedCopy() throws {
        let watermark = try Sample.watermark(5)
        let arrivals = [
            try Sample.arrival(5, sequence: 2, ticket: 1),
            try Sample.arrival(5, event: "other", sequence: 3, ticket: 2),
        ]
        let plan = BatchPlan(
            arrivals: [arrivals[0]], wakes: [], watermarks: [watermark.aggregate: watermark], generation: 1,
            mayHold: { _ in false })
        #expect(plan.claims == [watermark], "what an earlier copy tells has to be written down")
        var driver = driver(watermark, arrivals)
        let written = driver.run()
        #expect(written.streamSequence.number == 2)
        #expect(written.status == .ok)
        #expect(driver.pass.dispositions == [.init(1): .stale, .init(2): .deadLettered])
    }

    /// Dead letters of a quarantined aggregate at version 5, and whether an earlier copy of its event at 2 releases it.
    static let quarantines:
        [(letters: [(version: Int, reason: DeadLetterReason, sequence: UInt64)], isReleased: Bool)] =
            [
                ([(5, .forked, 3)], true), ([(5, .forked, 3), (5, .forked, 9)], true), ([(5, .forked, 1)], false),
                ([(5, .forked, 3), (5, .forked, 1)], false), ([(6, .failed, 3)], false),
                ([(5, .forked, 3), (6, .failed, 4)], false), ([], false), ([(5, .forked, 3), (2, .forked, 1)], true),
                ([(5, .forked, 3), (6, .forked, 13)], true), ([(2, .forked, 9)], false),
            ]

    @Test("Who was quarantined for a fork that stands behind the applied event goes on", arguments: quarantines.indices)
    func released(index: Int) throws {
        let (letters, isReleased) = Self.quarantines[index]
        let keys = try letters.map { letter in
            DeadLetterKey(
                aggregate: try Sample.aggregate(), version: try Sample.version(letter.version),
                eventID: try EventID("other"), reason: letter.reason, streamSequence: StreamSequence(letter.sequence))
        }
        var driver = driver(
            try Sample.watermark(5, parked: 1, status: .quarantined), [try Sample.arrival(5, sequence: 2)],
            rows: [try Sample.row(6, reason: .behindFailure)], letters: keys)
        let watermark = driver.run()
        #expect(watermark.streamSequence.number == (isReleased ? 6 : 2))
        #expect(watermark.version.number == (isReleased ? 6 : 5))
        #expect(watermark.status == (isReleased ? .ok : .quarantined))
    }

    @Test("Who is quarantined in the same batch, by an event that stands before all copies, stays so")
    func notReleased() throws {
        let letter = try letter(5, event: "other", sequence: 4)
        var driver = driver(
            try Sample.watermark(5, status: .quarantined),
            [
                try Sample.arrival(5, event: "other", sequence: 2, ticket: 1),
                try Sample.arrival(5, sequence: 3, ticket: 2),
            ], letters: [letter])
        let watermark = driver.run()
        #expect(watermark.streamSequence.number == 3)
        #expect(watermark.status == .quarantined)
        #expect(driver.pass.failures.map(\.event.sequence.number) == [2])
    }

    @Test(
        "A row that is not due keeps its place before a fork, also when the batch ends a quarantine",
        arguments: [true, false], [true, false])
    func forkOfRetry(isRead: Bool, isQuarantined: Bool) throws {
        let letter = try letter(5, event: "other", sequence: 8)
        var watermark = try Sample.watermark(5, parked: 1, status: isQuarantined ? .quarantined : .gap)
        watermark.streamSequence = StreamSequence(10)
        let arrivals =
            (isQuarantined ? [try Sample.arrival(5, sequence: 7, ticket: 1)] : []) + [
                try Sample.arrival(6, sequence: 12, ticket: 2),
                try Sample.arrival(6, event: "fork", sequence: 15, ticket: 3),
                try Sample.arrival(6, event: "another", sequence: 16, ticket: 4),
            ]
        var driver = PassDriver(
            AggregatePass(
                claimed: watermark, arrivals: arrivals, deadLetters: isRead || isQuarantined ? [letter] : nil,
                conditions: Sample.conditions()),
            rows: [try Sample.row(6, sequence: 20, reason: .retry, attempts: 1, due: 2_000_000)])
        driver.letters = [letter]
        let written = driver.run()
        #expect(written.status == .retrying, "so that the sweeper comes when it is due, and not before")
        #expect(written.parked == 1)
        #expect(driver.rows.map(\.eventID.text) == ["e6"])
        #expect(driver.rows.map(\.streamSequence.number) == [12])
        #expect(driver.rows.map(\.attempts) == [1])
        #expect(Set(driver.pass.failures.map(\.event.eventID.text)) == ["fork", "another"])
    }

    @Test("A dead letter of a fork that stands behind the failed event is no news, an earlier copy of the fork is")
    func earlierCopyBesideFailed() throws {
        let letters = [
            DeadLetterKey(
                aggregate: try Sample.aggregate(), version: try Sample.version(2), eventID: try EventID("e2"),
                reason: .failed, streamSequence: StreamSequence(5)),
            try letter(2, event: "fork", sequence: 9),
        ]
        for (sequence, isNews) in [(3, true), (10, false)] {
            var driver = driver(
                try Sample.watermark(1, status: .quarantined),
                [try Sample.arrival(2, event: "fork", sequence: sequence)], letters: letters)
            #expect(driver.run().status == .quarantined)
            #expect(driver.pass.failures.count == (isNews ? 1 : 0))
            #expect(driver.pass.dispositions == [.init(2): isNews ? .deadLettered : .waiting])
        }
    }

    @Test("What stands behind an event for which there is no room is no dead letter, and goes back with it")
    func forkBeyondTheLimit() throws {
        var pass = AggregatePass(
            claimed: try Sample.watermark(1, parked: 1, status: .gap),
            arrivals: [
                try Sample.arrival(4, event: "fork", sequence: 4, ticket: 1),
                try Sample.arrival(4, sequence: 5, ticket: 2), try Sample.arrival(4, sequence: 5, ticket: 3),
            ], deadLetters: [], conditions: Sample.conditions())
        #expect(pass.next() == .rest)
        #expect(pass.failures.map(\.event.eventID.text) == ["e4"])
        #expect(Set(pass.limitParking(to: 0)) == [.init(1), .init(2), .init(3)])
        #expect(pass.failures.isEmpty)
        #expect(pass.dispositions.isEmpty)
        #expect(pass.finish(removed: 0).parked == 1)
    }

    @Test("A dead letter that failed keeps all its copies out, wherever the stream has them", arguments: [1, 2, 3])
    func copyOfFailed(sequence: Int) throws {
        let letter = DeadLetterKey(
            aggregate: try Sample.aggregate(), version: try Sample.version(2), eventID: try EventID("e2"),
            reason: .failed, streamSequence: StreamSequence(2))
        var driver = driver(
            try Sample.watermark(1, status: .quarantined), [try Sample.arrival(2, sequence: sequence)],
            letters: [letter])
        #expect(driver.run().status == .quarantined)
        #expect(driver.pass.dispositions == [.init(2): .waiting])
        #expect(driver.rows.isEmpty)
        #expect(driver.pass.failures.isEmpty)
    }
}
