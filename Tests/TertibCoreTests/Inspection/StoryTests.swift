import Testing

@testable import TertibCore

@Suite("The story of an aggregate")
struct StoryTests {
    private static let now = Timestamp(microseconds: 1_772_366_400_000_000)

    private func story(
        stream version: Int, watermark: Int? = nil, status: AggregateStatus = .ok, parked: [ParkedEvent] = [],
        deadLetters: [DeadLetter] = [], next: UInt64? = nil, floor: UInt64? = 100, outbox: [OutboxRow] = []
    ) throws -> String {
        let aggregate = try Sample.aggregate("42")
        let row = try watermark.map { number in
            Watermark(
                aggregate: aggregate, version: try Sample.version(number),
                eventID: number == 0 ? nil : try EventID("event-\(number)"),
                streamSequence: StreamSequence(UInt64(number * 10)), parked: parked.count, status: status, revision: 1)
        }
        return Explanation(
            aggregate: aggregate,
            stream: Explanation.StreamPart(
                lastVersion: try Sample.version(version), lastSequence: StreamSequence(UInt64(version * 10)),
                lastType: version > 0 ? try EventType("product.priced") : nil,
                lastStoredAt: version > 0 ? Self.now : nil),
            consumers: [
                Explanation.ConsumerPart(
                    name: try ConsumerName("orders"), watermark: row, parked: parked, deadLetters: deadLetters,
                    next: next.map { StreamSequence($0) }, acknowledgedFloor: floor.map { StreamSequence($0) })
            ], outbox: outbox, head: nil, readAt: Self.now
        ).story.joined(separator: "\n")
    }

    private func parked(_ number: Int, _ reason: ParkReason = .gap, error: String? = nil) throws -> ParkedEvent {
        ParkedEvent(
            aggregate: try Sample.aggregate("42"), version: try Sample.version(number),
            eventID: try EventID("e\(number)"),
            streamSequence: StreamSequence(UInt64(number * 10)), stored: [], reason: reason, parkedAt: Self.now,
            attempts: reason == .retry ? 3 : 0, nextAttemptAt: reason == .retry ? Self.now : nil, error: error)
    }

    @Test("An aggregate without any event has a story of two sentences")
    func unknown() throws {
        #expect(
            try story(stream: 0) == "The stream has no event of product/42.\norders has nothing to apply.")
    }

    @Test("An aggregate that is up to date says so")
    func upToDate() throws {
        let text = try story(stream: 7, watermark: 7)
        #expect(text.contains("The stream has product/42 at version 7; its last message, product.priced,"))
        #expect(text.hasSuffix("orders has applied version 7 (event event-7, stream sequence 70): it is up to date."))
    }

    @Test("An event that is still to be delivered is named with its place")
    func toCome() throws {
        let text = try story(stream: 7, watermark: 5, next: 160)
        #expect(text.contains("2 behind the stream"))
        #expect(text.hasSuffix("orders: version 6 at stream sequence 160 is still to be delivered."))
        #expect(try story(stream: 1, watermark: nil, next: 10, floor: nil).hasSuffix("is still to be delivered."))
    }

    @Test("An event that was acknowledged and not applied is called an error")
    func lost() throws {
        let text = try story(stream: 7, watermark: 5, next: 60)
        #expect(text.contains("version 6 at stream sequence 60 was acknowledged and not applied"))
    }

    @Test("A gap says what waits, and whether the stream has the version")
    func gap() throws {
        let healing = try story(
            stream: 7, watermark: 4, status: .gap, parked: [try parked(6), try parked(7)], next: 50)
        #expect(healing.contains("version 5 is missing, versions 6 to 7 wait for it since"))
        #expect(healing.contains("the stream has it at sequence 50"))
        let lasting = try story(stream: 7, watermark: 4, status: .stuck, parked: [try parked(7)])
        #expect(lasting.contains("version 7 waits for it"))
        #expect(lasting.contains("the stream does not have it"))
    }

    @Test("A failing handler says how often, why and when next")
    func retrying() throws {
        let text = try story(
            stream: 7, watermark: 6, status: .retrying, parked: [try parked(7, .retry, error: "no such column")])
        #expect(text.contains("the handler of version 7 failed 3 times: no such column. The next attempt is due at"))
    }

    @Test("A quarantined aggregate shows its dead letter")
    func quarantined() throws {
        let deadLetter = DeadLetter(
            id: "1", aggregate: try Sample.aggregate("42"), version: try Sample.version(6), eventID: try EventID("e6"),
            streamCreatedAt: Self.now, streamSequence: StreamSequence(60), message: WireMessage(subject: "x"),
            reason: .failed, error: "it broke", attempts: 8, failedAt: Self.now)
        let text = try story(
            stream: 7, watermark: 5, status: .quarantined, parked: [try parked(7)], deadLetters: [deadLetter])
        #expect(text.contains("version 6 failed for good, so the aggregate is quarantined; version 7 waits behind it"))
        #expect(text.contains("version 6 at stream sequence 60 is a dead letter (failed)"))
        #expect(text.hasSuffix(": it broke."))
    }

    @Test("A watermark above the stream is pointed out")
    func ahead() throws {
        #expect(try story(stream: 3, watermark: 9).contains("version 9, which the stream does not have"))
    }

    @Test("Events that are staged and not published are named")
    func outbox() throws {
        let rows = try [8, 9].map { number in
            OutboxRow(
                aggregate: try Sample.aggregate("42"), version: try Sample.version(number),
                eventID: try EventID("e\(number)"), stored: [], stagedAt: Self.now)
        }
        #expect(try story(stream: 7, watermark: 7, outbox: rows).contains("The outbox holds version 8 to 9, staged"))
    }
}
