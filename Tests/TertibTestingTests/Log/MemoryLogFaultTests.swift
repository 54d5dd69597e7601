import Testing
import TertibRuntime
import TertibCore
import TertibTesting

@Suite("Faults that a test switches on in the memory log, and what administrators do to it")
struct MemoryLogFaultTests {
    let time = ManualTime()
    let log: MemoryLog
    let history: [WireMessage]

    init() throws {
        log = try MemoryLog(seed: 7, time: time)
        history = try EventFactory().history(of: try Aggregate(parsing: "product/42"), count: 20)
    }

    @Test("a lost answer leaves the message stored, and the repeat finds it")
    func lostAnswer() async throws {
        log.faults.lostPublishAnswers = 1
        #expect(await isUnknown(history[0]))
        #expect(log.messages.count == 1)
        let again = await log.publish(history[0], expecting: .lastSequence(.none))
        #expect(again == .stored(sequence: StreamSequence(1), isDuplicate: true))
        #expect(log.messages.count == 1)
    }

    @Test("a lost publish leaves nothing, and the repeat is stored")
    func lostPublish() async throws {
        log.faults.lostPublishes = 1
        #expect(await isUnknown(history[0]))
        #expect(log.messages.isEmpty)
        #expect(
            await log.publish(history[0], expecting: .any) == .stored(sequence: StreamSequence(1), isDuplicate: false))
    }

    @Test("an id is forgotten after the duplicate window, and the expectation is not")
    func duplicateWindow() async throws {
        _ = await log.publish(history[0], expecting: .lastSequence(.none))
        time.advance(by: .milliseconds(119_999))
        let within = await log.publish(history[0], expecting: .lastSequence(.none))
        #expect(within == .stored(sequence: StreamSequence(1), isDuplicate: true))
        time.advance(by: .milliseconds(1))
        let after = await log.publish(history[0], expecting: .lastSequence(.none))
        #expect(after == .unexpected(actual: StreamSequence(1)))
        #expect(
            await log.publish(history[0], expecting: .any) == .stored(sequence: StreamSequence(2), isDuplicate: false))
    }

    @Test("where a subject was purged, nothing is expected there again")
    func purged() async throws {
        _ = await log.publish(history[0], expecting: .lastSequence(.none))
        log.purge(history[0].subject)
        let outcome = await log.publish(history[1], expecting: .lastSequence(.none))
        #expect(outcome == .stored(sequence: StreamSequence(2), isDuplicate: false))
    }

    @Test("servers that do not enforce expectations let every writer through, but for the first message")
    func unenforced() async throws {
        var settings = MemoryStreamSettings()
        settings.enforcesExpectations = false
        let log = try MemoryLog(settings: settings, time: time)
        _ = await log.publish(history[0], expecting: .lastSequence(.none))
        let second = await log.publish(history[1], expecting: .lastSequence(StreamSequence(9)))
        #expect(second == .stored(sequence: StreamSequence(2), isDuplicate: false))
        #expect(
            await log.publish(history[2], expecting: .lastSequence(.none)) == .unexpected(actual: StreamSequence(2)))
        #expect(try await log.state().enforcesExpectations == false)
    }

    @Test("a full stream and a large message are refused with the reason")
    func limits() async throws {
        var settings = MemoryStreamSettings()
        settings.maximumMessages = 1
        settings.maximumMessageSize = 2000
        let log = try MemoryLog(settings: settings, time: time)
        var large = history[0]
        large.body = Array(repeating: 0x20, count: 2000)
        #expect(refusal(await log.publish(large, expecting: .any)) == .tooLarge)
        _ = await log.publish(history[0], expecting: .any)
        #expect(refusal(await log.publish(history[1], expecting: .any)) == .full)
    }

    @Test("messages that are too old go by themselves")
    func maximumAge() async throws {
        var settings = MemoryStreamSettings()
        settings.maximumAge = .seconds(60)
        let log = try MemoryLog(settings: settings, time: time)
        _ = await log.publish(history[0], expecting: .any)
        time.advance(by: .seconds(59))
        _ = await log.publish(history[1], expecting: .any)
        time.advance(by: .seconds(1))
        let state = try await log.state()
        #expect([state.messages, state.firstSequence.number, state.lastSequence.number] == [1, 2, 2])
    }

    @Test("acknowledgements that are lost lead to redeliveries")
    func lostAcknowledgements() async throws {
        _ = await log.publish(history[0], expecting: .any)
        let source = try await subscribe()
        let received = try await source.next(upTo: 1, waiting: .zero)
        log.faults.answerLoss = 1
        await source.answer(.acknowledge, to: received)
        log.faults.answerLoss = 0
        time.advance(by: .seconds(30))
        #expect(try await source.next(upTo: 1, waiting: .zero).map(\.attempt) == [2])
    }

    @Test("every answer is told before it is sent, the lost ones too")
    func onAnswer() async throws {
        let told = Log<StreamSequence>()
        log.onAnswer = { answer, deliveries in
            if answer == .acknowledge { for delivery in deliveries { told.append(delivery.sequence) } }
        }
        log.faults.answerLoss = 1
        _ = await log.publish(history[0], expecting: .any)
        let source = try await subscribe()
        await source.answer(.acknowledge, to: try await source.next(upTo: 1, waiting: .zero))
        #expect(told.values == [StreamSequence(1)])
    }

    @Test("with duplication every message is handed over twice")
    func duplication() async throws {
        log.faults.duplication = 1
        for message in history.prefix(3) { _ = await log.publish(message, expecting: .any) }
        let source = try await subscribe()
        let received = try await source.next(upTo: 100, waiting: .zero)
        #expect(received.map(\.sequence.number) == [1, 1, 2, 2, 3, 3])
        #expect(received.map(\.attempt) == [1, 2, 1, 2, 1, 2])
    }

    @Test("a shuffled order is the seed's, holds every message once, and is no order of the stream")
    func shuffle() async throws {
        func order(seed: UInt64) async throws -> [UInt64] {
            let log = try MemoryLog(seed: seed, time: time)
            log.faults.shuffleWindow = 8
            for message in history { _ = await log.publish(message, expecting: .any) }
            let source = try await log.subscribe(Subscription(durableName: "tests", storeID: "store-1"))
            return try await source.next(upTo: 100, waiting: .zero).map(\.sequence.number)
        }
        let first = try await order(seed: 1)
        #expect(first.sorted() == Array(1...20))
        #expect(first != first.sorted())
        #expect(try await order(seed: 1) == first)
        #expect(try await order(seed: 2) != first)
    }

    @Test("a replica of the stream may be behind its leader")
    func replicaLag() async throws {
        for message in history.prefix(3) { _ = await log.publish(message, expecting: .any) }
        log.faults.replicaLag = 2
        let subject = history[0].subject
        #expect(try await log.lastMessage(on: subject, from: .leader)?.sequence == StreamSequence(3))
        #expect(try await log.lastMessage(on: subject, from: .anyReplica)?.sequence == StreamSequence(1))
        #expect(try await log.message(at: StreamSequence(2), from: .anyReplica) == nil)
    }

    @Test("a stream that lost its end uses the sequences again")
    func loseTail() async throws {
        for message in history.prefix(3) { _ = await log.publish(message, expecting: .any) }
        let source = try await subscribe()
        await source.answer(.acknowledge, to: try await source.next(upTo: 3, waiting: .zero))
        log.loseTail(after: StreamSequence(1))
        #expect(try await log.state().lastSequence == StreamSequence(1))
        #expect(
            await log.publish(history[5], expecting: .any) == .stored(sequence: StreamSequence(2), isDuplicate: false))
        let received = try await source.next(upTo: 3, waiting: .zero)
        #expect(received.map(\.message.body) == [history[5].body])
        let lost = await log.publish(history[1], expecting: .any)
        #expect(lost == .stored(sequence: StreamSequence(3), isDuplicate: false))
    }

    @Test("a stream that was created anew is another one")
    func recreate() async throws {
        _ = await log.publish(history[0], expecting: .any)
        let source = try await subscribe()
        _ = try await source.next(upTo: 1, waiting: .zero)
        let before = try await log.state()
        log.recreateStream()
        let after = try await log.state()
        #expect(after.createdAt > before.createdAt)
        #expect([after.messages, after.lastSequence.number] == [0, 0])
        let failure = await #expect(throws: EventLogError.self) { try await source.next(upTo: 1, waiting: .zero) }
        #expect(failure?.code == .streamGone)
        #expect(try await log.consumerState("tests") == nil)
    }

    @Test("a server that lost its consumer's state delivers again as if for the first time")
    func forgetDeliveries() async throws {
        for message in history.prefix(3) { _ = await log.publish(message, expecting: .any) }
        let source = try await subscribe()
        await source.answer(.acknowledge, to: try await source.next(upTo: 3, waiting: .zero))
        log.forgetDeliveries(of: "tests", from: StreamSequence(2))
        let again = try await source.next(upTo: 3, waiting: .zero)
        #expect(again.map(\.sequence.number) == [2, 3])
        #expect(again.map(\.attempt) == [1, 1])
        #expect(again.map(\.pending) == [1, 0])
    }

    @Test("what is trimmed before it was delivered is never delivered")
    func trimmed() async throws {
        for message in history.prefix(5) { _ = await log.publish(message, expecting: .any) }
        let source = try await subscribe(pull: 1)
        #expect(try await source.next(upTo: 1, waiting: .zero).map(\.sequence.number) == [1])
        let ahead = await source.suspend()
        #expect(ahead.map(\.sequence.number) == [2])
        log.trim(before: StreamSequence(4))
        let rest = try await source.next(upTo: 1, waiting: .zero)
        #expect(rest.map(\.sequence.number) == [4])
        #expect(rest.map(\.pending) == [1])
        time.advance(by: .seconds(60))
        #expect(try await log.consumerState("tests")?.acknowledgementPending == 2)
    }

    private func subscribe(pull: Int = 100) async throws -> any DeliverySource {
        try await log.subscribe(
            Subscription(
                durableName: "tests", acknowledgementWait: .seconds(30), pullLimit: pull, storeID: "store-1"))
    }

    private func isUnknown(_ message: WireMessage) async -> Bool {
        if case .unknown = await log.publish(message, expecting: .lastSequence(.none)) { true } else { false }
    }

    private func refusal(_ outcome: PublishOutcome) -> EventLogError.Code? {
        if case .refused(let error) = outcome { error.code } else { nil }
    }
}
