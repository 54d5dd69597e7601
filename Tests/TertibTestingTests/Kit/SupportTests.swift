import Testing
import TertibCore
import TertibTesting

@Suite("Seeded chance")
struct SeededGeneratorTests {
    @Test("the numbers are those of the published generator")
    func knownAnswers() {
        var generator = SeededGenerator(seed: 1_234_567)
        let numbers = (0..<5).map { _ in generator.next() }
        #expect(
            numbers == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test("a part that draws for itself does not move another's numbers")
    func split() {
        var first = SeededGenerator(seed: 1)
        var second = SeededGenerator(seed: 1)
        var part = first.split()
        _ = second.split()
        _ = part.next()
        #expect(first.next() == second.next())
    }

    @Test("a chance of nothing never happens, and of everything always")
    func chances() {
        var generator = SeededGenerator(seed: 3)
        #expect((0..<1000).allSatisfy { _ in !generator.happens(0) })
        #expect((0..<1000).allSatisfy { _ in generator.happens(1) })
        let half = (0..<1000).filter { _ in generator.happens(0.5) }.count
        #expect((400...600).contains(half))
    }
}

@Suite("Waiting for a condition")
struct EventuallyTests {
    @Test("it ends when a signal tells of what was waited for")
    func signalled() async throws {
        let (gate, waiting) = (Gate(), Gate())
        let signal = ChangeSignal()
        async let waited: Void = eventually("the gate", watching: [signal]) {
            defer { waiting.open() }
            return gate.isOpen
        }
        try await waiting.wait(for: "the first look")
        gate.open()
        signal.notify()
        try await waited
    }

    @Test("it ends with what was missing when the limit has passed")
    func missing() async {
        let failure = await #expect(throws: EventuallyError.self) {
            try await eventually("rain", within: .milliseconds(20), watching: [ChangeSignal()]) { false }
        }
        #expect(failure == EventuallyError(missing: "rain", limit: .milliseconds(20)))
    }

    @Test("cancelling ends it")
    func cancelled() async {
        let looked = Gate()
        let task = Task {  // the test itself cancels it
            try await eventually("rain", watching: [ChangeSignal()]) {
                looked.open()
                return false
            }
        }
        await #expect(throws: Never.self) { try await looked.wait(for: "the first look") }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("a gate that stays closed lets no thread through")
    func closedGate() {
        #expect(!Gate().waitOnThread(atMost: .milliseconds(10)))
    }
}

@Suite("Made-up events")
struct EventFactoryTests {
    @Test("the same arguments give the same event, and it reads back as it was")
    func roundTrip() throws {
        let events = try EventFactory()
        for text in ["product/42", "product/a b/ü*.>", "product/line\nbreak"] {
            let aggregate = try Aggregate(parsing: text)
            let envelope = try events.envelope(aggregate, version: .first)
            let message = try events.message(aggregate, version: .first)
            #expect(message == events.codec.encode(envelope))
            #expect(try events.codec.decode(message) == envelope)
        }
    }

    @Test("a history has contiguous versions from 1, each with an id of its own")
    func history() throws {
        let events = try EventFactory()
        let history = try events.history(of: try Aggregate(parsing: "order/7"), count: 5)
        let envelopes = try history.map { try events.codec.decode($0) }
        #expect(envelopes.map(\.version.number) == [1, 2, 3, 4, 5])
        #expect(Set(envelopes.map(\.id)).count == 5)
    }
}
