import TertibCore
import Testing

@testable import TertibRuntime

@Suite("A limit of parked rows, on SQLite")
struct ParkedLimitTests {
    private let bench: SQLiteBench

    init() throws {
        bench = try SQLiteBench()
    }

    private func replica(maxParkedPerAggregate: Int) async throws -> Replica {
        try Replica(
            store: try await bench.store(), handlers: .ledger(), maxParkedPerAggregate: maxParkedPerAggregate)
    }

    @Test("A limit takes what there is room for, and hands the rest back unacknowledged")
    func parkedLimit() async throws {
        let replica = try await replica(maxParkedPerAggregate: 2)
        let report = try await replica.apply(3, 4, 5, 6)
        #expect(report.outcomes == [.parked: 2])
        #expect(report.withoutRoom == 2)
        #expect(report.reachedLimits.map(\.limit) == [2])
        #expect(try await replica.parked().map(\.version.number) == [3, 4])
        _ = try await replica.apply(1, 2)
        #expect(try await replica.apply(5, 6).reachedLimits.isEmpty)
        #expect(try await replica.history() == [1, 2, 3, 4, 5, 6])
    }

    @Test("A limit has room for a copy of what is parked already, which is acknowledged")
    func copyOfParked() async throws {
        let replica = try await replica(maxParkedPerAggregate: 2)
        _ = try await replica.apply(3, 5)
        let report = try await replica.apply(3, 4, 5, 6)
        #expect(report.outcomes == [.waiting: 2])
        #expect(report.withoutRoom == 2)
        #expect(try await replica.parked().map(\.version.number) == [3, 5])
        #expect(try await replica.watermark()?.parked == 2)
        #expect(try await replica.apply(3, 5).reachedLimits.isEmpty)
    }

    @Test("A limit has room again where the batch drains")
    func roomAfterDrain() async throws {
        let replica = try await replica(maxParkedPerAggregate: 2)
        _ = try await replica.apply(2, 3)
        let report = try await replica.apply(1, 5, 6)
        #expect(report.reachedLimits.isEmpty)
        #expect(try await replica.history() == [1, 2, 3])
        #expect(try await replica.parked().map(\.version.number) == [5, 6])
        #expect(try await replica.apply(4).reachedLimits.isEmpty)
        #expect(try await replica.history() == [1, 2, 3, 4, 5, 6])
    }

    @Test("A limit leaves a second delivery of an event that there is no room for unacknowledged, too")
    func copyBeyondTheLimit() async throws {
        let replica = try await replica(maxParkedPerAggregate: 1)
        let report = try await replica.apply(3, 4, 4)
        #expect(report.outcomes == [.parked: 1])
        #expect(report.withoutRoom == 2, "to acknowledge one delivery of a message is to acknowledge the message")
        #expect(try await replica.watermark()?.parked == 1)
    }
}
