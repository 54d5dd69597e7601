import Testing

@testable import TertibCore

@Suite("A relay's run publishes the rows of one aggregate in order")
struct RelayRunTests {
    /// A run of rows from version 4 on, behind version 3 at sequence 20.
    private func run(rows versions: ClosedRange<Int> = 4...4, head: AggregateHead? = nil) throws -> RelayRun {
        var rows = try versions.map { try Publishing.row($0) }
        let claim = OutboxClaim(row: rows.removeFirst(), head: try head ?? Publishing.head(3, at: 20, staged: 9))
        return RelayRun(claim, following: rows, codec: try Publishing.codec())
    }

    /// The steps of a run, one for its beginning and one for each input.
    private func steps(
        of run: RelayRun, _ inputs: RelayRun.Input..., now: Duration = Publishing.now
    ) -> [RelayRun.Step] {
        var run = run
        return [run.begin(now: now)] + inputs.map { run.next($0, now: now) }
    }

    private func finished(_ marks: RelayMark..., failure: EventLogError? = nil) -> RelayRun.Step {
        .finished(RelayRunResult(marks: marks, failure: failure))
    }

    private func later(_ version: Int, _ delay: Duration) throws -> RelayMark {
        .later(try Publishing.row(version), after: delay)
    }

    private func incident(_ kind: RelayIncident.Kind, _ reason: String?) throws -> RelayRun.Step {
        .report(RelayIncident(kind: kind, row: try Publishing.row(4), reason: reason))
    }

    @Test("Each row is published behind the one before it")
    func inOrder() throws {
        #expect(
            steps(of: try run(rows: 4...6), .answer(.stored(30)), .answer(.stored(40)), .answer(.stored(50))) == [
                .ask(try Publishing.publish(4, expecting: 20)), .ask(try Publishing.publish(5, expecting: 30)),
                .ask(try Publishing.publish(6, expecting: 40)),
                finished(
                    .published(try Publishing.row(4), at: StreamSequence(30)),
                    .published(try Publishing.row(5), at: StreamSequence(40)),
                    .published(try Publishing.row(6), at: StreamSequence(50))),
            ])
    }

    @Test("Rows that do not follow without a gap are left out")
    func gaps() throws {
        let claim = OutboxClaim(row: try Publishing.row(4), head: try Publishing.head(3, at: 20))
        let run = RelayRun(
            claim, following: try [3, 4, 6, 5].map { try Publishing.row($0) }, codec: try Publishing.codec())
        #expect(
            steps(of: run, .answer(.stored(30)), .answer(.stored(40))).last
                == finished(
                    .published(try Publishing.row(4), at: StreamSequence(30)),
                    .published(try Publishing.row(5), at: StreamSequence(40))))
    }

    @Test("The first row whose outcome is unknown ends the run")
    func undecided() throws {
        let unknown = LogAnswer.published(.unknown(Publishing.error(.timedOut)))
        var run = try run(rows: 4...6)
        _ = run.begin(now: Publishing.now)
        _ = run.next(.answer(.stored(30)), now: Publishing.now)
        #expect(
            run.next(.answer(unknown), now: Publishing.now)
                == .wait(atLeast: .milliseconds(25), atMost: .milliseconds(50)))
        #expect(run.next(.waited, now: Publishing.now) == .ask(try Publishing.publish(5, expecting: 30)))
        #expect(
            run.next(.answer(unknown), now: Publishing.now + Publication.patience)
                == finished(
                    .published(try Publishing.row(4), at: StreamSequence(30)), try later(5, .milliseconds(500))))
    }

    @Test("A row that cannot be published is reported, and waits")
    func refused() throws {
        let failure = Publishing.error(.tooLarge)
        #expect(
            steps(of: try run(), .answer(.published(.refused(failure))), .reported).suffix(2) == [
                try incident(.refused, "\(failure)"), finished(try later(4, .seconds(10))),
            ])
    }

    @Test("A row that holds no event is reported, and waits")
    func unreadable() throws {
        let known = try Publishing.row(4)
        let row = OutboxRow(
            aggregate: known.aggregate, version: known.version, eventID: known.eventID, stored: [1],
            stagedAt: known.stagedAt)
        let run = RelayRun(
            OutboxClaim(row: row, head: try Publishing.head(3, at: 20)), codec: try Publishing.codec())
        let steps = steps(of: run, .reported)
        guard case .report(let incident) = steps[0] else {
            Issue.record("it is not reported: \(steps)")
            return
        }
        #expect(incident.kind == .unreadable)
        #expect(steps[1] == finished(.later(row, after: .seconds(60))))
    }

    // MARK: - Conflict resolution

    @Test("Messages that are no later version are passed")
    func otherMessages() throws {
        #expect(
            steps(
                of: try run(head: try Publishing.head(0, at: 0)), .answer(.unexpected(25)),
                .answer(.message(try Publishing.malformed(at: 25))), .answer(.message(nil))
            ).last == .ask(try Publishing.publish(4, expecting: 25)))
        #expect(
            steps(
                of: try run(), .answer(.unexpected(25)), .answer(.message(try Publishing.message(3, id: "x", at: 25))),
                .answer(.message(nil))
            ).last == .ask(try Publishing.publish(4, expecting: 25)))
    }

    @Test("Another writer's event of a staged version stops the aggregate", arguments: [0, 3])
    func forked(published: Int) throws {
        let reason =
            published == 0
            ? "the subject has history that this database does not know; adopt the stream's head first"
            : "another writer published version 4 as event theirs"
        #expect(
            steps(
                of: try run(head: try Publishing.head(published, at: 20)), .answer(.unexpected(25)),
                .answer(.message(try Publishing.message(4, id: "theirs", at: 25))), .reported
            ).suffix(2) == [try incident(.forked, reason), finished(try later(4, .seconds(30)))])
    }

    /// Up to the search for own rows: version 6 stands at 45, published behind a message that is gone.
    private func toOwnRows(behind predecessor: UInt64) throws -> [RelayRun.Input] {
        [
            .answer(.unexpected(45)),
            .answer(.message(try Publishing.message(6, at: 45, behind: predecessor))),
        ]
    }

    @Test("An own later event behind messages that are gone proves the row published", arguments: [0, 40])
    func ownLaterEvent(predecessor: UInt64) throws {
        var run = try run(rows: 4...5)
        _ = run.begin(now: Publishing.now)
        let steps = try toOwnRows(behind: predecessor).map { run.next($0, now: Publishing.now) }
        #expect(steps.last == .readRows(of: try Publishing.aggregate(), limit: 3 + RelayRun.limit))
        let rows = try (4...6).map { try Publishing.row($0) }
        #expect(run.next(.rows(rows), now: Publishing.now) == .ask(try Publishing.publish(5, expecting: 20)))
        #expect(
            try toOwnRows(behind: predecessor).map { run.next($0, now: Publishing.now) }.last
                == .readRows(of: try Publishing.aggregate(), limit: 2 + RelayRun.limit))
        #expect(
            run.next(.rows(rows), now: Publishing.now)
                == finished(
                    .published(try Publishing.row(4), at: StreamSequence(20)),
                    .published(try Publishing.row(5), at: StreamSequence(20))))
    }

    @Test("A later event that is not staged here is another writer's")
    func foreignLaterEvent() throws {
        var run = try run()
        _ = run.begin(now: Publishing.now)
        for input in try toOwnRows(behind: 40) { _ = run.next(input, now: Publishing.now) }
        #expect(
            run.next(.rows([try Publishing.row(6, id: "mine")]), now: Publishing.now)
                == (try incident(.forked, "another writer published version 6 as event e6")))
    }

    @Test("A later event behind the expected message is another writer's without a search", arguments: [20, nil])
    func laterEventBehindHead(predecessor: UInt64?) throws {
        let steps = steps(
            of: try run(), .answer(.unexpected(45)),
            .answer(.message(try Publishing.message(6, at: 45, behind: predecessor))))
        #expect(steps.last == (try incident(.forked, "another writer published version 6 as event e6")))
    }

    /// The steps after the subject was found empty behind the head's message.
    private func stepsWithoutMessages(
        end: UInt64, last: LoggedMessage?, known: LoggedMessage?, _ inputs: RelayRun.Input...
    ) throws -> [RelayRun.Step] {
        var run = try run()
        _ = run.begin(now: Publishing.now)
        _ = run.next(.answer(.unexpected(0)), now: Publishing.now)
        #expect(run.next(.answer(.message(nil)), now: Publishing.now) == .ask(.state))
        #expect(
            run.next(.answer(.state(try Publishing.state(last: end))), now: Publishing.now) == .ask(try .last()))
        #expect(run.next(.answer(.message(last)), now: Publishing.now) == .ask(.at(20)))
        return [run.next(.answer(.message(known)), now: Publishing.now)]
            + inputs.map { run.next($0, now: Publishing.now) }
    }

    @Test("Where the head's event is there after all, the row is published behind it")
    func headIsThere() throws {
        let head = try Publishing.message(3, at: 20)
        #expect(
            try stepsWithoutMessages(end: 50, last: head, known: head) == [
                .ask(try Publishing.publish(4, expecting: 20))
            ])
        let adopted = try Publishing.malformed(at: 20)
        #expect(
            try stepsWithoutMessages(end: 50, last: adopted, known: adopted) == [
                .ask(try Publishing.publish(4, expecting: 20))
            ])
    }

    @Test("Where the history was trimmed, versions go on")
    func trimmed() throws {
        #expect(
            try stepsWithoutMessages(end: 50, last: nil, known: nil, .reported) == [
                try incident(.trimmed, nil), .ask(try Publishing.publish(4, expecting: 0)),
            ])
    }

    @Test("Where only the head's event was deleted, the aggregate stops")
    func headDeleted() throws {
        #expect(
            try stepsWithoutMessages(end: 50, last: try Publishing.message(2, at: 10), known: nil, .reported) == [
                try incident(.headDeleted, "version 3 at 20 is gone"), finished(try later(4, .seconds(30))),
            ])
    }

    @Test("Where the stream has lost its tail, the outbox is reopened behind the last event that is left")
    func lostTail() throws {
        let head = try Publishing.head(3, at: 20, staged: 9)
        let last = try Publishing.message(2, at: 10)
        let reopen = RelayRun.Step.reopen(head, behind: try Sample.version(2), at: StreamSequence(10))
        let gone = "versions above 2 up to 3 are gone"
        #expect(
            try stepsWithoutMessages(end: 15, last: last, known: nil, .reopened(head, isDone: true), .reported) == [
                reopen, try incident(.tailReopened, gone), finished(try later(4, .zero)),
            ])
        #expect(
            try stepsWithoutMessages(end: 15, last: last, known: nil, .reopened(head, isDone: false), .reported) == [
                reopen, try incident(.tailLost, gone + ", and the outbox no longer holds all of them"),
                finished(try later(4, .seconds(30))),
            ])
        let moved = try Publishing.head(4, at: 30, staged: 9)
        #expect(
            try stepsWithoutMessages(end: 15, last: last, known: nil, .reopened(moved, isDone: false)) == [
                reopen, finished(try later(4, .zero)),
            ])
    }

    @Test("Where the lost tail's sequences were used again, or nothing is left, the outbox is reopened too")
    func reusedTail() throws {
        let head = try Publishing.head(3, at: 20, staged: 9)
        let foreign = Publishing.logged(WireMessage(subject: "test.product.2"), at: 20)
        #expect(
            try stepsWithoutMessages(end: 50, last: nil, known: foreign) == [
                .reopen(head, behind: .none, at: .none)
            ])
        let older = try Publishing.message(2, at: 20)
        #expect(
            try stepsWithoutMessages(end: 50, last: older, known: older) == [
                .reopen(head, behind: try Sample.version(2), at: StreamSequence(20))
            ])
    }

    @Test("Where the last message is no event of the history, only a person can help")
    func foreignTail() throws {
        let reason = "its last message on the subject is no event of this history"
        for last in [try Publishing.malformed(at: 10), try Publishing.message(3, at: 10)] {
            #expect(
                try stepsWithoutMessages(end: 15, last: last, known: nil, .reported) == [
                    try incident(.tailLost, reason), finished(try later(4, .seconds(30))),
                ])
        }
    }

    @Test("Older messages behind the expected one are passed only where the head's event was not lost")
    func olderMessages() throws {
        var run = try run()
        _ = run.begin(now: Publishing.now)
        let older = try Publishing.message(1, id: "x", at: 25)
        for input: RelayRun.Input in [
            .answer(.unexpected(25)), .answer(.message(older)), .answer(.message(nil)),
            .answer(.state(try Publishing.state(last: 50))), .answer(.message(older)),
        ] {
            _ = run.next(input, now: Publishing.now)
        }
        #expect(
            run.next(.answer(.message(nil)), now: Publishing.now) == .ask(try Publishing.publish(4, expecting: 25)))
    }

    @Test("A row that was published behind four different messages waits")
    func patience() throws {
        var run = try run()
        var step = run.begin(now: Publishing.now)
        for number in 0..<4 {
            let sequence = UInt64(25 + number)
            #expect(step == .ask(try Publishing.publish(4, expecting: number == 0 ? 20 : sequence - 1)))
            _ = run.next(.answer(.unexpected(sequence)), now: Publishing.now)
            let found = LogAnswer.message(try Publishing.message(3, id: "x\(number)", at: sequence))
            _ = run.next(.answer(found), now: Publishing.now)
            step = run.next(.answer(.message(nil)), now: Publishing.now)
        }
        #expect(step == finished(try later(4, .seconds(1))))
    }

    // MARK: - Interruptions

    @Test("A read that fails while a conflict is resolved ends the run with its error")
    func failingRead() throws {
        let failure = Publishing.error(.unavailable)
        #expect(
            steps(
                of: try run(), .answer(.unexpected(0)), .answer(.message(nil)), .answer(.failed(failure))
            ).last == finished(try later(4, .seconds(1)), failure: failure))
    }

    @Test("A database that fails costs its aggregate a second; a cancelled run keeps what it has published")
    func interrupted() throws {
        #expect(
            steps(of: try run(rows: 4...5), .answer(.stored(30)), .interrupted(isCancelled: false)).last
                == finished(.published(try Publishing.row(4), at: StreamSequence(30)), try later(5, .seconds(1))))
        #expect(
            steps(of: try run(rows: 4...5), .answer(.stored(30)), .interrupted(isCancelled: true)).last
                == finished(.published(try Publishing.row(4), at: StreamSequence(30))))
    }
}
