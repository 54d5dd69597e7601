import Testing

@testable import TertibCore

@Suite("A publication settles the outcome of one event")
struct PublicationTests {
    private var publication: Publication

    init() throws {
        publication = Publication(
            try Publishing.envelope(3), expecting: StreamSequence(20), codec: try Publishing.codec(),
            now: Publishing.now)
    }

    private func begun() throws -> Publication {
        var publication = publication
        #expect(publication.begin() == .ask(try Publishing.publish(3, expecting: 20)))
        return publication
    }

    /// The step after the answers.
    private func step(after answers: LogAnswer..., now: Duration = Publishing.now) throws -> Publication.Step? {
        var publication = try begun()
        return answers.map { publication.next(.answer($0), now: now) }.last
    }

    private static let superseded = Publication.Settlement.superseded(by: UnexpectedMessages())

    @Test("A first answer is the outcome")
    func stored() throws {
        #expect(
            try step(after: .stored(30)) == .settled(.stored(sequence: StreamSequence(30), isDuplicate: false)))
    }

    @Test("A duplicate answer counts once the message at its sequence is this event")
    func duplicate() throws {
        #expect(try step(after: .stored(25, isDuplicate: true)) == .ask(.at(25)))
        #expect(
            try step(after: .stored(25, isDuplicate: true), .message(try Publishing.message(3, at: 25)))
                == .settled(.stored(sequence: StreamSequence(25), isDuplicate: true)))
    }

    @Test("A duplicate answer that names another event is an identity clash", arguments: [false, true])
    func identityClash(isOfAnotherAggregate: Bool) throws {
        var other = try Publishing.envelope(isOfAnotherAggregate ? 3 : 4, id: "e3")
        if isOfAnotherAggregate { other.aggregate = try Sample.aggregate("2") }
        let message = Publishing.logged(try Publishing.codec().encode(other), at: 25)
        guard
            case .settled(.failed(.publishing(let error))) = try step(
                after: .stored(25, isDuplicate: true), .message(message))
        else {
            Issue.record("it is not settled as failed")
            return
        }
        #expect(error.code == .identityClash)
        #expect(
            error.description
                == """
                could not publish version 3 of product/1: the event id e3 is that of another event, at stream \
                sequence 25
                Give every event an id of its own.
                """)
    }

    @Test("A duplicate answer whose message is gone proves nothing")
    func duplicateOfNothing() throws {
        guard
            case .settled(.undecided(let error)) = try step(after: .stored(25, isDuplicate: true), .message(nil))
        else {
            Issue.record("it is not settled as undecided")
            return
        }
        #expect(error.reason == "the broker knows its id, and message 25 is gone")
    }

    @Test("After an expectation that did not hold the subject is read behind the expected message")
    func ownEventBehindOthers() throws {
        #expect(try step(after: .unexpected(40)) == .ask(try .next(after: 20)))
        #expect(
            try step(after: .unexpected(40), .message(try Publishing.message(1, id: "x", at: 25)))
                == .ask(try .next(after: 25)))
        #expect(
            try step(
                after: .unexpected(40), .message(try Publishing.malformed(at: 25)),
                .message(try Publishing.message(3, at: 30)))
                == .settled(.stored(sequence: StreamSequence(30), isDuplicate: true)))
    }

    @Test("Another event of this or a later version supersedes it", arguments: [3, 5])
    func superseded(version: Int) throws {
        var found = UnexpectedMessages()
        found.last = StreamSequence(30)
        found.highest = try Sample.version(2)
        found.conflicting = UnexpectedMessages.ConflictingEvent(
            version: try Sample.version(version), id: try EventID("theirs"), predecessor: StreamSequence(25))
        #expect(
            try step(
                after: .unexpected(40), .message(try Publishing.message(2, at: 25)),
                .message(try Publishing.message(version, id: "theirs", at: 30, behind: 25)))
                == .settled(.superseded(by: found)))
    }

    @Test("Messages that are no later version supersede it when the subject ends")
    func supersededByOthers() throws {
        var found = UnexpectedMessages()
        found.last = StreamSequence(25)
        #expect(
            try step(after: .unexpected(25), .message(try Publishing.malformed(at: 25)), .message(nil))
                == .settled(.superseded(by: found)))
        #expect(try step(after: .unexpected(0), .message(nil)) == .settled(Self.superseded))
    }

    @Test("While another message is on its way, and nothing else is found, the publication is repeated")
    func anotherOnItsWay() throws {
        #expect(
            try step(after: .unexpected(nil), .message(nil))
                == .wait(atLeast: .milliseconds(25), atMost: .milliseconds(50)))
        var found = UnexpectedMessages()
        found.last = StreamSequence(25)
        #expect(
            try step(after: .unexpected(nil), .message(try Publishing.malformed(at: 25)), .message(nil))
                == .settled(.superseded(by: found)))
    }

    @Test("A failure that may pass is answered by the same publication, after a growing wait, until its patience ends")
    func retries() throws {
        let failure = Publishing.error(.unavailable)
        for answer in [LogAnswer.published(.unknown(failure)), .published(.refused(failure)), .failed(failure)] {
            var publication = try begun()
            var now = Publishing.now
            var bounds: [Duration] = []
            while case .wait(let least, let most) = publication.next(.answer(answer), now: now) {
                #expect(least == most / 2)
                bounds.append(most)
                now += most
                #expect(publication.next(.waited, now: now) == .ask(try Publishing.publish(3, expecting: 20)))
            }
            #expect(Array(bounds.prefix(7)) == [50, 100, 200, 400, 800, 1600, 2000].map { Duration.milliseconds($0) })
            #expect(now - Publishing.now <= Publication.patience)
            var patient = try begun()
            #expect(
                patient.next(.answer(answer), now: Publishing.now + Publication.patience)
                    == .settled(.undecided(failure)))
        }
    }

    @Test("A read that fails is a failure of the publication")
    func failingRead() throws {
        let wait = Publication.Step.wait(atLeast: .milliseconds(25), atMost: .milliseconds(50))
        #expect(try step(after: .stored(25, isDuplicate: true), .failed(Publishing.error(.timedOut))) == wait)
        #expect(try step(after: .unexpected(25), .failed(Publishing.error(.timedOut))) == wait)
    }

    @Test("A failure that no retry changes is the outcome")
    func failure() throws {
        let failure = Publishing.error(.tooLarge)
        #expect(try step(after: .published(.refused(failure))) == .settled(.failed(.log(failure))))
    }
}
