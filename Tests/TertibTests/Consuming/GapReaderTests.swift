import TertibCore
import TertibTesting
import Testing

@testable import Tertib

@Suite("Reading what a gap misses")
struct GapReaderTests {
    /// How many reads it takes to look for version 1 behind two hundred others.
    private func reads(cancelled: Bool) async throws -> Int {
        let world = try World()
        try world.publish(2...201)
        let lowest = try Make.envelope(2)
        let gap = Gap(
            aggregate: lowest.aggregate, watermark: .none, lowestParked: lowest.version, lowestStored: [],
            oldestParkedAt: Timestamp(microseconds: 0))
        let reader = GapReader(
            log: world.log, codec: WireCodec(namespace: try Namespace(Make.namespace)), gap: gap, maySearch: true)
        return try await withThrowingTaskGroup(of: Int.self) { group in
            group.addTask {
                if cancelled { withUnsafeCurrentTask { $0?.cancel() } }
                var trace = GapTrace(gap)
                var budget = 1000
                _ = try await reader.read(&trace, limit: 10, budget: &budget)
                return 1000 - budget
            }
            return try await group.next() ?? 0
        }
    }

    @Test("goes through the whole subject, and not on when the replica is asked to stop")
    func stops() async throws {
        #expect(try await reads(cancelled: false) == 201)
        #expect(try await reads(cancelled: true) == 0)
    }
}
