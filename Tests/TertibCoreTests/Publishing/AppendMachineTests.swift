import Testing

@testable import TertibCore

@Suite("An append gives its events the versions behind the expected one")
struct AppendMachineTests {
    private func machine(
        _ ids: [String?] = ["e1"], expecting expected: Int? = 0, isTrusted: Bool = true, hasStore: Bool = true
    ) throws -> Append {
        Append(
            try ids.map { try $0.map { try EventID($0) } }, to: try Publishing.aggregate(),
            expecting: try expected.map { try Sample.version($0) },
            stream: isTrusted ? try StreamName("TEST") : nil, hasStore: hasStore, codec: try Publishing.codec())
    }

    /// An append that has found its aggregate at a version, which stands at ten times the version.
    private func located(
        _ ids: [String?] = ["e1"], expecting expected: Int? = 0, at version: Int = 0
    ) throws -> (append: Append, step: Append.Step) {
        var append = try machine(ids, expecting: expected)
        #expect(append.begin() == .readHead)
        let step = try locate(&append, at: version)
        return (append, step)
    }

    private func locate(_ append: inout Append, at version: Int) throws -> Append.Step {
        let head = version == 0 ? nil : try Publishing.head(version, at: UInt64(version) * 10)
        #expect(append.next(.head(head), now: Publishing.now) == .ask(try .last()))
        let last = version == 0 ? nil : try Publishing.message(version, at: UInt64(version) * 10)
        let step = append.next(.answer(.message(last)), now: Publishing.now)
        guard step == .readHead else { return step }
        return append.next(.head(nil), now: Publishing.now)
    }

    private func receipt(_ version: Int, at sequence: UInt64, isDuplicate: Bool = false) throws -> PublishReceipt {
        PublishReceipt(
            aggregate: try Publishing.aggregate(), version: try Sample.version(version),
            eventID: try EventID("e\(version)"), stream: try StreamName("TEST"), sequence: StreamSequence(sequence),
            isDuplicate: isDuplicate)
    }

    private func conflict(expected: Int, actual: Int) throws -> PublishFailure {
        .conflict(
            VersionConflict(
                aggregate: try Publishing.aggregate(), expected: try Sample.version(expected),
                actual: try Sample.version(actual)))
    }

    private func recorded(_ version: Int, at sequence: UInt64) throws -> Append.Step {
        var head = try Publishing.head(version, at: sequence)
        head.eventID = try EventID("e\(version)")
        return .record(head)
    }

    /// Makes the envelope of a version, publishes it, and gives the answer.
    private func publish(
        _ append: inout Append, _ step: Append.Step, _ version: Int, behind sequence: UInt64, event index: Int = 0,
        answer: LogAnswer
    ) throws -> Append.Step {
        #expect(step == .makeEnvelope(event: index, version: try Sample.version(version)))
        let publishing = append.next(.envelope(try Publishing.envelope(version)), now: Publishing.now)
        #expect(publishing == .ask(try Publishing.publish(version, expecting: sequence)))
        return append.next(.answer(answer), now: Publishing.now)
    }

    @Test("Each event is published behind the one before it, and the last one's head is recorded")
    func contiguous() throws {
        var (append, step) = try located([nil, nil])
        step = try publish(&append, step, 1, behind: 0, answer: .stored(5))
        step = try publish(&append, step, 2, behind: 5, event: 1, answer: .stored(8))
        #expect(step == (try recorded(2, at: 8)))
        #expect(
            append.next(.recorded, now: Publishing.now)
                == .finished([try receipt(1, at: 5), try receipt(2, at: 8)]))
    }

    @Test("Without events nothing is published and nothing recorded")
    func nothing() throws {
        #expect(try located([]).step == .finished([]))
    }

    // MARK: - The stream

    @Test("A stream is checked once, and trusted")
    func trust() throws {
        var append = try machine(isTrusted: false)
        #expect(append.begin() == .ask(.state))
        let state = LogAnswer.state(try Publishing.state(last: 0, maximumAge: .seconds(60)))
        #expect(append.next(.answer(state), now: Publishing.now) == .trust(try StreamName("TEST")))
        #expect(append.next(.trusted, now: Publishing.now) == .readHead)
    }

    @Test("A stream that cannot keep the promises is refused", arguments: [true, false])
    func unsafe(enforces: Bool) throws {
        var append = try machine(isTrusted: false, hasStore: false)
        _ = append.begin()
        let state = try Publishing.state(last: 0, enforces: enforces, maximumAge: .seconds(60))
        guard case .failed(.publishing(let error)?) = append.next(.answer(.state(state)), now: Publishing.now) else {
            Issue.record("it is not refused")
            return
        }
        #expect(error.code == .unsafeStream)
        #expect(error.attempted == "append to product/1")
        #expect(error.reason.contains(enforces ? "the stream forgets events after" : "does not enforce"))
    }

    // MARK: - Conflicts

    @Test("Another version than the expected one is a conflict, and nothing is written")
    func otherVersion() throws {
        #expect(try located(expecting: 1).step == .failed(try conflict(expected: 1, actual: 0)))
        #expect(try located([nil], expecting: 0, at: 3).step == .failed(try conflict(expected: 0, actual: 3)))
    }

    @Test("A lost race is a conflict with the version that the aggregate has then")
    func lostRace() throws {
        var (append, step) = try located()
        step = try publish(&append, step, 1, behind: 0, answer: .unexpected(7))
        #expect(step == .ask(try .next(after: 0)))
        let theirs = try Publishing.message(1, id: "theirs", at: 7, behind: 0)
        #expect(append.next(.answer(.message(theirs)), now: Publishing.now) == .ask(try .last()))
        #expect(
            append.next(.answer(.message(theirs)), now: Publishing.now)
                == .failed(try conflict(expected: 0, actual: 1)))
    }

    @Test("Without an expectation a lost race is tried again 50 times, with a growing wait")
    func retries() throws {
        let theirs = LogAnswer.message(try Publishing.message(1, id: "theirs", at: 7, behind: 0))
        var append = try machine([nil], expecting: nil)
        var step = append.begin()
        var bounds: [Duration] = []
        while step == .readHead {
            step = try locate(&append, at: 0)
            _ = try publish(&append, step, 1, behind: 0, answer: .unexpected(7))
            _ = append.next(.answer(theirs), now: Publishing.now)
            step = append.next(.answer(theirs), now: Publishing.now)
            guard case .wait(.zero, let most) = step else { break }
            bounds.append(most)
            step = append.next(.waited, now: Publishing.now)
        }
        #expect(bounds.count == 50)
        #expect(Array(bounds.prefix(8)) == [2, 4, 8, 16, 32, 64, 128, 128].map { Duration.milliseconds($0) })
        #expect(step == .failed(try conflict(expected: 0, actual: 1)))
    }

    @Test("After the first event a lost race is a partial append, even without an expectation")
    func partial() throws {
        var (append, step) = try located([nil, nil], expecting: nil)
        step = try publish(&append, step, 1, behind: 0, answer: .stored(5))
        _ = try publish(&append, step, 2, behind: 5, event: 1, answer: .unexpected(7))
        let theirs = LogAnswer.message(try Publishing.message(2, id: "theirs", at: 7, behind: 5))
        _ = append.next(.answer(theirs), now: Publishing.now)
        _ = append.next(.answer(theirs), now: Publishing.now)
        let first = LogAnswer.message(try Publishing.message(1, at: 5, behind: 0))
        #expect(append.next(.answer(first), now: Publishing.now) == (try recorded(1, at: 5)))
        #expect(
            append.next(.recorded, now: Publishing.now)
                == .failedPartly([try receipt(1, at: 5)], try conflict(expected: 1, actual: 2)))
    }

    // MARK: - Retries of the caller

    /// The step after the history was read, of an append of three events that expects none.
    private func step(afterHistory events: [(version: Int, id: String)]) throws -> (append: Append, step: Append.Step) {
        var (append, step) = try located(["e1", "e2", "e3"], expecting: 0, at: events.count)
        #expect(step == .ask(try .next(after: 0)))
        for (version, id) in events {
            let sequence = UInt64(version) * 10
            step = append.next(
                .answer(.message(try Publishing.message(version, id: id, at: sequence))), now: Publishing.now)
            #expect(step == .ask(try .next(after: sequence)))
        }
        step = append.next(.answer(.message(nil)), now: Publishing.now)
        return (append, step)
    }

    @Test("A repeated append finds all its events, also behind another writer's, and writes nothing")
    func repeated() throws {
        let found = try (1...3).map { try receipt($0, at: UInt64($0) * 10, isDuplicate: true) }
        #expect(try step(afterHistory: [(1, "e1"), (2, "e2"), (3, "e3"), (4, "theirs")]).step == .finished(found))
    }

    @Test("A repeated append goes on behind its first events")
    func goesOn() throws {
        var (append, step) = try step(afterHistory: [(1, "e1")])
        step = try publish(&append, step, 2, behind: 10, event: 1, answer: .stored(20))
        step = try publish(&append, step, 3, behind: 20, event: 2, answer: .stored(30))
        #expect(
            append.next(.recorded, now: Publishing.now)
                == .finished([
                    try receipt(1, at: 10, isDuplicate: true), try receipt(2, at: 20), try receipt(3, at: 30),
                ]))
    }

    @Test("A repeated append whose first events are there with another writer's behind them is partial")
    func overtaken() throws {
        #expect(
            try step(afterHistory: [(1, "e1"), (2, "theirs")]).step
                == .failedPartly(
                    [try receipt(1, at: 10, isDuplicate: true)], try conflict(expected: 0, actual: 2)))
    }

    @Test("Events that are not there are a conflict")
    func notThere() throws {
        #expect(
            try step(afterHistory: [(1, "theirs"), (2, "e2")]).step == .failed(try conflict(expected: 0, actual: 2)))
    }

    // MARK: - Failures

    @Test("An unknown outcome says how to try again")
    func undecided() throws {
        var (append, step) = try located()
        step = try publish(
            &append, step, 1, behind: 0, answer: .published(.unknown(Publishing.error(.timedOut))))
        #expect(step == .wait(atLeast: .milliseconds(25), atMost: .milliseconds(50)))
        #expect(append.next(.waited, now: Publishing.now) == .ask(try Publishing.publish(1, expecting: 0)))
        let late = append.next(
            .answer(.published(.unknown(Publishing.error(.timedOut)))), now: Publishing.now + Publication.patience)
        guard case .failed(.publishing(let error)?) = late else {
            Issue.record("it is \(late)")
            return
        }
        #expect(error.code == .undecided && error.isRetriable)
        #expect(
            error.description
                == """
                could not append version 1 to product/1: the broker did not say whether it is stored: it is timedOut
                Append again with the same event id (e1) and expectation: an event that was stored is recognised.
                """)
    }

    @Test("The highest version has none behind it")
    func exhausted() throws {
        let highest = AggregateVersion.highest
        var append = try machine(expecting: nil)
        _ = append.begin()
        var head = try Publishing.head(1, at: 10)
        (head.version, head.publishedVersion) = (highest, highest)
        _ = append.next(.head(head), now: Publishing.now)
        let step = append.next(.answer(.message(try Publishing.message(1, at: 10))), now: Publishing.now)
        guard case .failed(.publishing(let error)?) = step else {
            Issue.record("it is \(step)")
            return
        }
        #expect(error.code == .versionsExhausted)
    }

    @Test("A log that fails before the first event has written nothing; after it the append is partial")
    func failingLog() throws {
        let failure = Publishing.error(.notPermitted)
        var append = try machine(isTrusted: false)
        _ = append.begin()
        #expect(append.next(.answer(.failed(failure)), now: Publishing.now) == .failed(.log(failure)))
        var (second, step) = try located([nil, nil])
        step = try publish(&second, step, 1, behind: 0, answer: .stored(5))
        step = try publish(&second, step, 2, behind: 5, event: 1, answer: .published(.refused(failure)))
        #expect(step == (try recorded(1, at: 5)))
        #expect(
            second.next(.recorded, now: Publishing.now) == .failedPartly([try receipt(1, at: 5)], .log(failure)))
    }

    @Test("An interruption before the first event has written nothing; after it the append is partial")
    func interrupted() throws {
        var append = try machine()
        _ = append.begin()
        #expect(append.next(.interrupted, now: Publishing.now) == .failed(nil))
        var (second, step) = try located([nil, nil])
        step = try publish(&second, step, 1, behind: 0, answer: .stored(5))
        #expect(second.next(.interrupted, now: Publishing.now) == (try recorded(1, at: 5)))
        #expect(second.next(.recorded, now: Publishing.now) == .failedPartly([try receipt(1, at: 5)], nil))
    }
}
