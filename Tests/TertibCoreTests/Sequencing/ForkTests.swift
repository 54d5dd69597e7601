import Testing
import TertibCore

@Suite("Two events of one version: the lowest stream sequence is the canonical branch")
struct ForkTests {
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

    @Test("At the watermark, a later newcomer is a dead letter and the aggregate goes on")
    func canonicalApplied() throws {
        var driver = driver(
            try Sample.watermark(5), [try Sample.arrival(5, event: "other", sequence: 9), try Sample.arrival(6)])
        let watermark = driver.run()
        #expect(driver.pass.failures.map(\.reason) == [.forked])
        #expect(driver.pass.dispositions[.init(5)] == .deadLettered)
        #expect(watermark.version.number == 6)
        #expect(watermark.status == .ok)
    }

    @Test("At the watermark, an earlier newcomer shows that the wrong branch was applied: quarantine")
    func wrongBranchApplied() throws {
        var driver = driver(
            try Sample.watermark(5), [try Sample.arrival(5, event: "other", sequence: 2), try Sample.arrival(6)])
        let watermark = driver.run()
        #expect(watermark.status == .quarantined)
        #expect(watermark.version.number == 5)
        #expect(driver.pass.dispositions[.init(6)] == .parked)
        #expect(driver.pass.failures.map(\.reason) == [.forked])
    }

    @Test("A redelivered fork that is a dead letter already changes nothing")
    func redelivered() throws {
        let letter = try letter(5, event: "other", sequence: 2)
        var driver = driver(
            try Sample.watermark(5), [try Sample.arrival(5, event: "other", sequence: 2)], letters: [letter])
        #expect(driver.run().status == .ok)
        #expect(driver.pass.failures.isEmpty)
        #expect(driver.pass.dispositions[.init(5)] == .waiting)
    }

    @Test("Both in one batch: the lower sequence is applied, the other is a dead letter")
    func inOneBatch() throws {
        var driver = driver(
            try Sample.watermark(0),
            [
                try Sample.arrival(1, event: "late", sequence: 8, ticket: 1),
                try Sample.arrival(1, event: "early", sequence: 3, ticket: 2),
            ])
        #expect(driver.run().eventID?.text == "early")
        #expect(driver.pass.dispositions == [.init(1): .deadLettered, .init(2): .applied])
    }

    @Test("Among the parked, the lower sequence stays", arguments: [true, false])
    func parked(newcomerIsEarlier: Bool) throws {
        var driver = driver(
            try Sample.watermark(1, parked: 1, status: .gap),
            [try Sample.arrival(4, event: "new", sequence: newcomerIsEarlier ? 2 : 9)],
            rows: [try Sample.row(4, event: "old", sequence: 5)])
        let watermark = driver.run()
        #expect(watermark.parked == 1)
        #expect(driver.rows.map(\.eventID.text) == [newcomerIsEarlier ? "new" : "old"])
        #expect(driver.pass.failures.map(\.event.eventID.text) == [newcomerIsEarlier ? "old" : "new"])
    }

    @Test("A copy of the parked event that is delivered together with its fork is no dead letter")
    func copyBehindFork() throws {
        var driver = driver(
            try Sample.watermark(1, parked: 1, status: .gap),
            [
                try Sample.arrival(4, event: "fork", sequence: 7, ticket: 1),
                try Sample.arrival(4, event: "old", sequence: 9, ticket: 2),
            ],
            rows: [try Sample.row(4, event: "old", sequence: 5)])
        #expect(driver.run().parked == 1)
        #expect(driver.rows.map(\.eventID.text) == ["old"])
        #expect(driver.pass.failures.map(\.event.eventID.text) == ["fork"])
        #expect(driver.pass.dispositions == [.init(1): .deadLettered, .init(2): .waiting])
    }

    @Test("A copy of the parked event that is delivered behind a known fork is no dead letter")
    func copyBehindKnownFork() throws {
        let letter = try letter(4, event: "fork", sequence: 7)
        var driver = driver(
            try Sample.watermark(1, parked: 1, status: .gap),
            [
                try Sample.arrival(4, event: "fork", sequence: 7, ticket: 1),
                try Sample.arrival(4, event: "old", sequence: 9, ticket: 2),
            ],
            rows: [try Sample.row(4, event: "old", sequence: 5)], letters: [letter])
        #expect(driver.run().parked == 1)
        #expect(driver.rows.map(\.eventID.text) == ["old"])
        #expect(driver.pass.failures.isEmpty)
        #expect(driver.pass.dispositions == [.init(1): .waiting, .init(2): .waiting])
    }

    @Test(
        "A delivered and a parked event of the next version: the lower sequence is applied", arguments: [true, false])
    func nextVersion(newcomerIsEarlier: Bool) throws {
        var driver = driver(
            try Sample.watermark(1, parked: 1, status: .gap),
            [try Sample.arrival(2, event: "new", sequence: newcomerIsEarlier ? 2 : 9)],
            rows: [try Sample.row(2, event: "old", sequence: 5)])
        let watermark = driver.run()
        #expect(watermark.eventID?.text == (newcomerIsEarlier ? "new" : "old"))
        #expect(watermark.parked == 0)
        #expect(driver.rows.isEmpty)
        #expect(driver.pass.failures.count == 1)
    }

    @Test("A fork of the failing event in the same batch is a dead letter, not overwritten", arguments: [1, 3])
    func forkOfFailing(maxAttempts: Int) throws {
        var driver = PassDriver(
            AggregatePass(
                claimed: try Sample.watermark(1, parked: 1, status: .gap),
                arrivals: [
                    try Sample.arrival(2, event: "b", sequence: 5, ticket: 1),
                    try Sample.arrival(2, event: "c", sequence: 7, ticket: 2),
                ], deadLetters: [], conditions: Sample.conditions(maxAttempts: maxAttempts)),
            rows: [try Sample.row(2, event: "a", sequence: 10)], failing: [2])
        let watermark = driver.run()
        #expect(watermark.parked == driver.rows.count)
        #expect(driver.rows.map(\.eventID.text) == (maxAttempts == 1 ? [] : ["b"]))
        #expect(Set(driver.pass.failures.map(\.event.eventID.text)).isSuperset(of: ["a", "c"]))
    }

    @Test("A canonical arrival that fails takes the row of the fork, and the count stays exact")
    func failingCanonical() throws {
        var driver = PassDriver(
            AggregatePass(
                claimed: try Sample.watermark(1, parked: 1, status: .gap),
                arrivals: [try Sample.arrival(2, event: "new", sequence: 2)], deadLetters: [],
                conditions: Sample.conditions()), rows: [try Sample.row(2, event: "old", sequence: 5)], failing: [2])
        let watermark = driver.run()
        #expect(watermark.parked == driver.rows.count)
        #expect(driver.rows.map(\.eventID.text) == ["new"])
    }

    @Test("Of two events at one stream sequence, as after a stream was made anew, none is known to be canonical")
    func equalSequences() throws {
        let verdict = Verdict(
            version: try Sample.version(5), eventID: try EventID("other"), sequence: StreamSequence(5),
            against: try Sample.watermark(5))
        #expect(verdict == .forked(isCanonical: false))
        var waiting = driver(
            try Sample.watermark(1, parked: 1, status: .gap), [try Sample.arrival(4, event: "new", sequence: 5)],
            rows: [try Sample.row(4, event: "old", sequence: 5)])
        _ = waiting.run()
        #expect(waiting.rows.count == 1)
        #expect(waiting.pass.failures.count == 1)
    }

    @Test("The canonical event that takes a fork's row keeps the time of its next attempt")
    func replacedRow() throws {
        var driver = driver(
            try Sample.watermark(1, parked: 1, status: .retrying), [try Sample.arrival(4, event: "new", sequence: 2)],
            rows: [try Sample.row(4, event: "old", sequence: 5, reason: .retry, due: 7)])
        _ = driver.run()
        #expect(driver.rows.map(\.eventID.text) == ["new"])
        #expect(driver.rows.map(\.reason) == [.retry])
        #expect(driver.rows.map(\.nextAttemptAt) == [Timestamp(microseconds: 7)])
    }

    /// What the copies of a fork meet: the watermark, what is parked, and where else its events stand.
    static let meetings: [(watermark: Int, row: String?, isRead: Bool)] = [
        (2, nil, true), (1, nil, true), (0, nil, true), (0, "e2", true), (0, "other", true), (1, "e2", true),
        (1, "other", true), (2, nil, false), (1, nil, false), (0, nil, false), (0, "e2", false), (0, "other", false),
        (1, "e2", false), (1, "other", false),
    ]

    @Test("Two copies of a fork in one batch are one dead letter", arguments: meetings.indices)
    func copiesInOneBatch(index: Int) throws {
        let (version, row, isRead) = Self.meetings[index]
        let arrivals = [
            try Sample.arrival(2, sequence: 2, ticket: 1),
            try Sample.arrival(2, event: "other", sequence: 8, ticket: 2),
            try Sample.arrival(2, event: "other", sequence: 9, ticket: 3),
        ]
        var driver = PassDriver(
            AggregatePass(
                claimed: try Sample.watermark(version, parked: row == nil ? 0 : 1), arrivals: arrivals,
                deadLetters: isRead ? [] : nil, conditions: Sample.conditions()),
            rows: try row.map { [try Sample.row(2, event: $0, sequence: $0 == "e2" ? 2 : 7)] } ?? [])
        let watermark = driver.run()
        #expect(driver.pass.failures.map(\.event.eventID.text) == ["other"])
        #expect(watermark.status != .quarantined)
        #expect(driver.rows.map(\.eventID.text) == (version == 0 ? ["e2"] : []))
        #expect(Set(driver.pass.dispositions.keys) == [.init(1), .init(2), .init(3)])
    }

    @Test("A copy of a fork that is a dead letter already changes nothing, wherever they meet", arguments: [0, 1, 2])
    func copyOfDeadLetter(version: Int) throws {
        let letter = try letter(2, event: "other", sequence: 8)
        var driver = PassDriver(
            AggregatePass(
                claimed: try Sample.watermark(version, parked: version == 2 ? 0 : 1),
                arrivals: [try Sample.arrival(2, event: "other", sequence: 9)], deadLetters: nil,
                conditions: Sample.conditions()),
            rows: version == 2 ? [] : [try Sample.row(2)])
        driver.letters = [letter]
        _ = driver.run()
        #expect(driver.pass.failures.isEmpty)
        #expect(driver.pass.dispositions == [.init(2): .waiting])
    }

    @Test("Copies of a fork beside an event that fails are one dead letter", arguments: [1, 3])
    func copiesBesideFailure(maxAttempts: Int) throws {
        var driver = PassDriver(
            AggregatePass(
                claimed: try Sample.watermark(1),
                arrivals: [
                    try Sample.arrival(2, sequence: 5, ticket: 1),
                    try Sample.arrival(2, event: "other", sequence: 7, ticket: 2),
                    try Sample.arrival(2, event: "other", sequence: 8, ticket: 3),
                ], deadLetters: nil, conditions: Sample.conditions(maxAttempts: maxAttempts)), failing: [2])
        _ = driver.run()
        #expect(driver.pass.failures.map(\.event.eventID.text) == (maxAttempts == 1 ? ["e2", "other"] : ["other"]))
    }
}
