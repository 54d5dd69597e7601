import Testing
import TertibCore
import TertibTesting

@testable import TertibRuntime

@Suite("What a sweep finds")
struct SweepFindingsTests {
    let settings: ConsumerSettings
    let aggregate: Aggregate
    let time = ManualTime()

    init() throws {
        settings = ConsumerSettings(name: try ConsumerName("orders"), gapHold: .milliseconds(50))
        aggregate = try Aggregate(parsing: "product/42")
    }

    /// What a sweep finds when version 3 was parked `age` ago and 1 and 2 are missing.
    private func gaps(age: Duration) async throws -> [Aggregate] {
        let store = MemoryStore(time: time)
        let (settings, aggregate) = (settings, aggregate)
        let parkedAt = time.wall.advanced(by: .zero - age)
        let row = ParkedEvent(
            aggregate: aggregate, version: try #require(AggregateVersion(3)), eventID: try EventID("3"),
            streamSequence: StreamSequence(1), stored: [], reason: .gap, parkedAt: parkedAt)
        try await store.transaction { transaction in
            let won = try transaction.claim(settings.name, [Watermark(aggregate: aggregate)])
            _ = try transaction.park(settings.name, [row])
            var watermark = try #require(won[aggregate])
            watermark.parked = 1
            watermark.status = .gap
            try transaction.write(settings.name, [watermark])
        }
        return try await store.transaction { transaction in
            try SweepFindings(settings, limit: 64, gapLimit: 64, in: transaction).gaps.map(\.aggregate)
        }
    }

    @Test("A gap past its hold is repaired, a fresh one is not")
    func hold() async throws {
        #expect(try await gaps(age: .milliseconds(51)) == [aggregate])
        #expect(try await gaps(age: .milliseconds(49)) == [])
    }

    @Test(
        "A gap that was parked by a clock that ran ahead is repaired at once, not when the clock comes there",
        arguments: [Duration.seconds(1), .seconds(3600), .seconds(10 * 365 * 86_400)])
    func fromTheFuture(ahead: Duration) async throws {
        #expect(try await gaps(age: .zero - ahead) == [aggregate])
    }
}
