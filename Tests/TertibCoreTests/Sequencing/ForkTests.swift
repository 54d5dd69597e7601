import Testing
import TertibCore

@Suite("Two events of one version: the lowest stream sequence is the canonical branch")
struct ForkTests {
    @Test("At the watermark, a later arrival is a dead letter and the aggregate goes on")
    func canonicalApplied() throws {
        let run = try SampleRun(
            try Sample.watermark(5), [try Sample.arrival(5, event: "other", sequence: 9), try Sample.arrival(6)])
        #expect(run.failures.map(\.deadLetter) == [.forked])
        #expect(run.failures.map(\.isWrongBranch) == [false])
        #expect(run.dispositions[5] == .deadLettered)
        #expect(run.watermark.version.number == 6)
        #expect(run.watermark.status == .ok)
    }

    @Test("At the watermark, an earlier arrival shows that the wrong branch was applied: quarantine")
    func wrongBranchApplied() throws {
        let run = try SampleRun(
            try Sample.watermark(5), [try Sample.arrival(5, event: "other", sequence: 2), try Sample.arrival(6)])
        #expect(run.watermark.status == .quarantined)
        #expect(run.watermark.version.number == 5)
        #expect(run.dispositions[6] == .parked)
        #expect(run.failures.map(\.deadLetter) == [.forked])
        #expect(run.failures.map(\.isWrongBranch) == [true])
    }

    @Test("A redelivered fork that is a dead letter already changes nothing")
    func redelivered() throws {
        let run = try SampleRun(
            try Sample.watermark(5), [try Sample.arrival(5, event: "other", sequence: 2)],
            deadLetters: [try Sample.deadLetter(5, event: "other", sequence: 2, reason: .forked)])
        #expect(run.watermark.status == .ok)
        #expect(run.failures.isEmpty)
        #expect(run.dispositions[5] == .waiting)
    }

    @Test("Both in one batch: the lower sequence is applied, the other is a dead letter")
    func inOneBatch() throws {
        let run = try SampleRun(
            try Sample.watermark(0),
            [
                try Sample.arrival(1, event: "late", sequence: 8, ticket: 1),
                try Sample.arrival(1, event: "early", sequence: 3, ticket: 2),
            ])
        #expect(run.watermark.eventID?.text == "early")
        #expect(run.dispositions == [1: .deadLettered, 2: .applied])
    }

    @Test("Among the parked, the lower sequence stays", arguments: [true, false])
    func parked(arrivalIsEarlier: Bool) throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .gap),
            [try Sample.arrival(4, event: "new", sequence: arrivalIsEarlier ? 2 : 9)],
            rows: [try Sample.row(4, event: "old", sequence: 5)])
        #expect(run.watermark.parked == 1)
        #expect(run.rows.map(\.eventID.text) == [arrivalIsEarlier ? "new" : "old"])
        #expect(run.failures.map(\.event.eventID.text) == [arrivalIsEarlier ? "old" : "new"])
    }

    @Test(
        "A copy of the parked event that is delivered together with its fork is no dead letter",
        arguments: [true, false])
    func copyBehindFork(forkIsRecorded: Bool) throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .gap),
            [
                try Sample.arrival(4, event: "fork", sequence: 7, ticket: 1),
                try Sample.arrival(4, event: "old", sequence: 9, ticket: 2),
            ],
            rows: [try Sample.row(4, event: "old", sequence: 5)],
            deadLetters: forkIsRecorded
                ? [try Sample.deadLetter(4, event: "fork", sequence: 7, reason: .forked)] : [])
        #expect(run.watermark.parked == 1)
        #expect(run.rows.map(\.eventID.text) == ["old"])
        #expect(run.failures.map(\.event.eventID.text) == (forkIsRecorded ? [] : ["fork"]))
        #expect(run.dispositions == [1: forkIsRecorded ? .waiting : .deadLettered, 2: .waiting])
    }

    @Test("A known fork that is delivered again behind a gap is not parked")
    func knownForkAgain() throws {
        let run = try SampleRun(
            try Sample.watermark(1, status: .quarantined), [try Sample.arrival(4, event: "fork")],
            deadLetters: [try Sample.deadLetter(4, event: "fork", reason: .forked)])
        #expect(run.watermark.parked == 0)
        #expect(run.rows.isEmpty)
        #expect(run.dispositions == [4: .waiting])
    }

    @Test(
        "A delivered and a parked event of the next version: the lower sequence is applied", arguments: [true, false])
    func nextVersion(arrivalIsEarlier: Bool) throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .gap),
            [try Sample.arrival(2, event: "new", sequence: arrivalIsEarlier ? 2 : 9)],
            rows: [try Sample.row(2, event: "old", sequence: 5)])
        #expect(run.watermark.eventID?.text == (arrivalIsEarlier ? "new" : "old"))
        #expect(run.watermark.parked == 0)
        #expect(run.rows.isEmpty)
        #expect(run.failures.count == 1)
    }

    @Test("A fork of the failing event in the same batch is a dead letter, not overwritten", arguments: [1, 3])
    func forkOfFailing(maxAttempts: Int) throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .gap),
            [
                try Sample.arrival(2, event: "b", sequence: 5, ticket: 1),
                try Sample.arrival(2, event: "c", sequence: 7, ticket: 2),
            ],
            rows: [try Sample.row(2, event: "a", sequence: 10)], failing: [2: HandlerFailure("no")],
            rules: try Sample.rules(maxAttempts: maxAttempts))
        #expect(run.watermark.parked == run.rows.count)
        #expect(run.rows.map(\.eventID.text) == (maxAttempts == 1 ? [] : ["b"]))
        #expect(Set(run.failures.map(\.event.eventID.text)).isSuperset(of: ["a", "c"]))
    }

    @Test("A canonical arrival that fails takes the row of the fork, and the count stays exact")
    func failingCanonical() throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .gap), [try Sample.arrival(2, event: "new", sequence: 2)],
            rows: [try Sample.row(2, event: "old", sequence: 5)], failing: [2: HandlerFailure("no")])
        #expect(run.watermark.parked == run.rows.count)
        #expect(run.rows.map(\.eventID.text) == ["new"])
    }

    @Test("Of two events at one stream sequence, as after a stream was made anew, none is known to be canonical")
    func equalSequences() throws {
        let verdict = Verdict(
            version: try Sample.version(5), eventID: try EventID("other"), sequence: StreamSequence(5),
            against: try Sample.watermark(5))
        #expect(verdict == .forked(isCanonical: false))
        let waiting = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .gap), [try Sample.arrival(4, event: "new", sequence: 5)],
            rows: [try Sample.row(4, event: "old", sequence: 5)])
        #expect(waiting.rows.count == 1)
        #expect(waiting.failures.count == 1)
    }

    @Test("The canonical event that takes a fork's row keeps the time of its next attempt")
    func replacedRow() throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .retrying), [try Sample.arrival(4, event: "new", sequence: 2)],
            rows: [try Sample.row(4, event: "old", sequence: 5, reason: .retry, due: 7)])
        #expect(run.rows.map(\.eventID.text) == ["new"])
        #expect(run.rows.map(\.reason) == [.retry])
        #expect(run.rows.map(\.nextAttemptAt) == [Timestamp(microseconds: 7)])
    }

    // MARK: - Copies: an event stands where the first of its copies stands

    /// What the copies of a fork find: the watermark, what is parked, and whether the aggregate is quarantined, so that
    /// the dead letters are known from the beginning.
    static let surroundings: [(watermark: Int, row: String?)] = [
        (2, nil), (1, nil), (0, nil), (0, "e2"), (0, "other"), (1, "e2"), (1, "other"),
    ]

    @Test("Two copies of a fork in one batch are one dead letter", arguments: surroundings.indices, [true, false])
    func copiesInOneBatch(index: Int, isRead: Bool) throws {
        let (version, row) = Self.surroundings[index]
        var arrivals = [
            try Sample.arrival(2, sequence: 2, ticket: 1),
            try Sample.arrival(2, event: "other", sequence: 8, ticket: 2),
            try Sample.arrival(2, event: "other", sequence: 9, ticket: 3),
        ]
        // A fork of the watermark's version makes the transaction read the dead letters before anything else.
        let isReadFirst = isRead && version == 1
        if isReadFirst { arrivals.append(try Sample.arrival(1, event: "third", sequence: 20, ticket: 4)) }
        let run = try SampleRun(
            try Sample.watermark(version, parked: row == nil ? 0 : 1), arrivals,
            rows: try row.map { [try Sample.row(2, event: $0, sequence: $0 == "e2" ? 2 : 7)] } ?? [])
        #expect(Set(run.failures.map(\.event.eventID.text)) == (isReadFirst ? ["other", "third"] : ["other"]))
        #expect(run.failures.count == (isReadFirst ? 2 : 1))
        #expect(run.watermark.status != .quarantined)
        #expect(run.rows.map(\.eventID.text) == (version == 0 ? ["e2"] : []))
        #expect(Set(run.dispositions.keys) == Set(arrivals.map(\.ticket.number)))
    }

    @Test("A copy of a fork that is a dead letter already changes nothing, wherever they are", arguments: [0, 1, 2])
    func copyOfDeadLetter(version: Int) throws {
        let run = try SampleRun(
            try Sample.watermark(version, parked: version == 2 ? 0 : 1),
            [try Sample.arrival(2, event: "other", sequence: 9)], rows: version == 2 ? [] : [try Sample.row(2)],
            deadLetters: [try Sample.deadLetter(2, event: "other", sequence: 8, reason: .forked)])
        #expect(run.failures.isEmpty)
        #expect(run.dispositions == [2: .waiting])
    }

    @Test("Copies of a fork beside an event that fails are one dead letter", arguments: [1, 3])
    func copiesBesideFailure(maxAttempts: Int) throws {
        let run = try SampleRun(
            try Sample.watermark(1),
            [
                try Sample.arrival(2, sequence: 5, ticket: 1),
                try Sample.arrival(2, event: "other", sequence: 7, ticket: 2),
                try Sample.arrival(2, event: "other", sequence: 8, ticket: 3),
            ], failing: [2: HandlerFailure("no")], rules: try Sample.rules(maxAttempts: maxAttempts))
        #expect(run.failures.map(\.event.eventID.text) == (maxAttempts == 1 ? ["e2", "other"] : ["other"]))
    }

    @Test(
        "An event whose copy became a dead letter behind the applied one still shows that the wrong branch was applied")
    func knownByItsCopy() throws {
        let deadLetter = try Sample.deadLetter(5, event: "other", sequence: 9, reason: .forked)
        let late = try SampleRun(
            try Sample.watermark(5), [try Sample.arrival(5, event: "other", sequence: 2)], deadLetters: [deadLetter])
        #expect(late.watermark.status == .quarantined)
        #expect(late.deadLetters.map(\.streamSequence.number) == [2])
        #expect(late.dispositions == [5: .deadLettered])
        let further = try SampleRun(
            try Sample.watermark(5), [try Sample.arrival(5, event: "other", sequence: 10)], deadLetters: [deadLetter])
        #expect(further.watermark.status == .ok)
        #expect(further.failures.isEmpty)
        #expect(further.dispositions == [5: .waiting])
    }

    @Test("An event whose copy became a dead letter behind the parked one takes its row", arguments: [true, false])
    func copyBehindParked(isBlocked: Bool) throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 1, status: isBlocked ? .quarantined : .gap),
            [try Sample.arrival(4, event: "first", sequence: 2)],
            rows: [try Sample.row(4, event: "second", sequence: 5)],
            deadLetters: [try Sample.deadLetter(4, event: "first", sequence: 9, reason: .forked)])
        #expect(run.watermark.parked == 1)
        #expect(run.rows.map(\.eventID.text) == ["first"])
        #expect(run.failures.map(\.event.eventID.text) == ["second"])
    }

    @Test(
        "A parked event stands where the first of its copies stands, whatever its order of arrival", arguments: [2, 9])
    func parkedCopy(sequence: Int) throws {
        let run = try SampleRun(
            try Sample.watermark(1, parked: 1, status: .gap), [try Sample.arrival(4, sequence: sequence)],
            rows: [try Sample.row(4, sequence: 5)])
        #expect(run.watermark.parked == 1)
        #expect(run.rows.map(\.streamSequence.number) == [UInt64(min(sequence, 5))])
        #expect(run.dispositions == [4: .waiting])
        #expect(run.report.failures.isEmpty)
    }

    @Test("An event that is applied from its row stands where the first of its copies stands", arguments: [2, 9])
    func drainedCopy(sequence: Int) throws {
        let run = try SampleRun(
            try Sample.watermark(3, parked: 1, status: .gap),
            [try Sample.arrival(4, sequence: sequence), try Sample.arrival(4, event: "other", sequence: 4, ticket: 5)],
            rows: [try Sample.row(4, sequence: 5)])
        #expect(run.watermark.eventID?.text == (sequence == 2 ? "e4" : "other"))
        #expect(run.watermark.streamSequence.number == UInt64(min(sequence, 4)))
        #expect(run.watermark.status == .ok)
    }

    @Test("A row that is not due yet takes the place of its earlier copy too, and keeps its attempts")
    func copyOfRetry() throws {
        let row = try Sample.row(4, sequence: 5, reason: .retry, attempts: 2, due: 2_000_000)
        let run = try SampleRun(
            try Sample.watermark(3, parked: 1, status: .retrying), [try Sample.arrival(4, sequence: 2)], rows: [row],
            isWake: true)
        #expect(run.watermark.status == .retrying)
        #expect(run.rows.map(\.streamSequence.number) == [2])
        #expect(run.rows.map(\.attempts) == [2])
        #expect(run.rows.map(\.nextAttemptAt) == [row.nextAttemptAt])
        #expect(run.report.failures.isEmpty, "nothing has failed")
    }

    @Test("An earlier copy of the applied event shows where that event stands, and a fork behind it changes nothing")
    func appliedCopy() throws {
        let run = try SampleRun(
            try Sample.watermark(5),
            [
                try Sample.arrival(5, sequence: 2, ticket: 1),
                try Sample.arrival(5, event: "other", sequence: 3, ticket: 2),
            ])
        #expect(run.watermark.streamSequence.number == 2)
        #expect(run.watermark.status == .ok)
        #expect(run.dispositions == [1: .stale, 2: .deadLettered])
    }

    /// Dead letters of a quarantined aggregate at version 5, and whether an earlier copy of its event at 2 releases it.
    static let quarantines:
        [(deadLetters: [(version: Int, reason: DeadLetterReason, sequence: Int)], isReleased: Bool)] = [
            ([(5, .forked, 3)], true), ([(5, .forked, 3), (5, .forked, 9)], true), ([(5, .forked, 1)], false),
            ([(5, .forked, 3), (5, .forked, 1)], false), ([(6, .failed, 3)], false),
            ([(5, .forked, 3), (6, .failed, 4)], false), ([], false), ([(5, .forked, 3), (2, .forked, 1)], true),
            ([(5, .forked, 3), (6, .forked, 13)], true), ([(2, .forked, 9)], false),
        ]

    @Test(
        "An aggregate quarantined for a fork that stands behind the applied event goes on",
        arguments: quarantines.indices)
    func released(index: Int) throws {
        let (deadLetters, isReleased) = Self.quarantines[index]
        let run = try SampleRun(
            try Sample.watermark(5, parked: 1, status: .quarantined), [try Sample.arrival(5, sequence: 2)],
            rows: [try Sample.row(6, reason: .behindFailure)],
            deadLetters: try deadLetters.map {
                try Sample.deadLetter($0.version, event: "other", sequence: $0.sequence, reason: $0.reason)
            })
        #expect(run.watermark.streamSequence.number == (isReleased ? 6 : 2))
        #expect(run.watermark.version.number == (isReleased ? 6 : 5))
        #expect(run.watermark.status == (isReleased ? .ok : .quarantined))
        #expect(run.report.released.count == (isReleased ? 1 : 0))
    }

    @Test("An aggregate quarantined in the same batch, by an event that stands before all copies, stays so")
    func notReleased() throws {
        let run = try SampleRun(
            try Sample.watermark(5, status: .quarantined),
            [
                try Sample.arrival(5, event: "other", sequence: 2, ticket: 1),
                try Sample.arrival(5, sequence: 3, ticket: 2),
            ], deadLetters: [try Sample.deadLetter(5, event: "other", sequence: 4, reason: .forked)])
        #expect(run.watermark.streamSequence.number == 3)
        #expect(run.watermark.status == .quarantined)
        #expect(run.deadLetters.map(\.streamSequence.number) == [2])
    }

    @Test(
        "A row that is not due keeps its place before a fork, also when the batch ends a quarantine",
        arguments: [true, false])
    func forkOfRetry(isQuarantined: Bool) throws {
        var watermark = try Sample.watermark(5, parked: 1, status: isQuarantined ? .quarantined : .gap)
        watermark.streamSequence = StreamSequence(10)
        let arrivals =
            (isQuarantined ? [try Sample.arrival(5, sequence: 7, ticket: 1)] : []) + [
                try Sample.arrival(6, sequence: 12, ticket: 2),
                try Sample.arrival(6, event: "fork", sequence: 15, ticket: 3),
                try Sample.arrival(6, event: "another", sequence: 16, ticket: 4),
            ]
        let run = try SampleRun(
            watermark, arrivals,
            rows: [try Sample.row(6, sequence: 20, reason: .retry, attempts: 1, due: 2_000_000)],
            deadLetters: [try Sample.deadLetter(5, event: "other", sequence: 8, reason: .forked)])
        #expect(run.watermark.status == .retrying, "so that the sweeper comes when it is due, and not before")
        #expect(run.watermark.parked == 1)
        #expect(run.rows.map(\.eventID.text) == ["e6"])
        #expect(run.rows.map(\.streamSequence.number) == [12])
        #expect(run.rows.map(\.attempts) == [1])
        #expect(Set(run.failures.map(\.event.eventID.text)) == ["fork", "another"])
    }

    @Test("A fork is recorded by a dead letter behind the failed event, an earlier copy of the fork is new")
    func earlierCopyBesideFailed() throws {
        let deadLetters = [
            try Sample.deadLetter(2, sequence: 5),
            try Sample.deadLetter(2, event: "fork", sequence: 9, reason: .forked),
        ]
        for (sequence, isNew) in [(3, true), (10, false)] {
            let run = try SampleRun(
                try Sample.watermark(1, status: .quarantined),
                [try Sample.arrival(2, event: "fork", sequence: sequence)], deadLetters: deadLetters)
            #expect(run.watermark.status == .quarantined)
            #expect(run.failures.count == (isNew ? 1 : 0))
            #expect(run.dispositions == [2: isNew ? .deadLettered : .waiting])
        }
    }

    @Test("A dead letter that failed keeps all its copies out, wherever the stream has them", arguments: [1, 2, 3])
    func copyOfFailed(sequence: Int) throws {
        let run = try SampleRun(
            try Sample.watermark(1, status: .quarantined), [try Sample.arrival(2, sequence: sequence)],
            deadLetters: [try Sample.deadLetter(2)])
        #expect(run.watermark.status == .quarantined)
        #expect(run.dispositions == [2: .waiting])
        #expect(run.rows.isEmpty)
        #expect(run.failures.isEmpty)
    }
}
