import Testing
import TertibCore
import TertibTesting

@testable import TertibRuntime

/// Two replicas at read committed, brought together at every step: what one parks the other must drain, or lose its claim.
@Suite("Park and drain do not miss each other")
struct ParkAgainstDrainTests {
    private let first: MemoryStore
    private let second: MemoryStore
    private let parker: Replica
    private let drainer: Replica

    init() throws {
        first = MemoryStore(statements: Ledger.meanings)
        second = first.replica()
        parker = try Replica(store: first, handlers: .ledger())
        drainer = try Replica(store: second, handlers: .ledger())
    }

    /// Brings an arrival to its outcome, as the consumer's loop does: what lost its claim joins the next batch.
    private func settle(_ report: BatchReport, of version: Int, on replica: Replica) async throws -> Int {
        var (report, losses) = (report, 0)
        while report.lost > 0 {
            losses += 1
            report = try await replica.apply(version)
        }
        return losses
    }

    @Test(
        "A park that stands still at any step while the gap closes loses its claim, or is drained",
        arguments: [MemoryOperation.watermarks, .claim, .park, .write, .commit], [0, 1])
    func parkStandsStill(operation: MemoryOperation, applied: Int) async throws {
        if applied == 1 { _ = try await drainer.apply(1) }
        let (closing, gapped) = (applied + 1, applied + 2)
        let pause = first.pause(before: operation)
        async let parking = parker.apply(gapped)
        try await pause.reached()
        let drained = try await drainer.apply(closing)
        pause.resume()
        let parked = try await parking
        let losses =
            try await settle(parked, of: gapped, on: parker) + settle(drained, of: closing, on: drainer)

        #expect(try await parker.history() == (1...Int64(gapped)).map { $0 })
        let watermark = try await parker.watermark()
        #expect(watermark?.status == .ok)
        #expect(watermark?.parked == 0)
        #expect(try await parker.parked().isEmpty, "nothing is parked for ever, without any sweeper")
        #expect(losses == (operation == .watermarks ? 0 : 1), "the second one loses its claim, once")
    }

    @Test(
        "A drain that stands still at any step while another replica parks behind it loses its claim, or drains it",
        arguments: [MemoryOperation.watermarks, .claim, .write, .commit])
    func drainStandsStill(operation: MemoryOperation) async throws {
        _ = try await parker.apply(3)
        let pause = second.pause(before: operation)
        async let draining = drainer.apply(1)
        try await pause.reached()
        let parked = try await parker.apply(2)
        pause.resume()
        let drained = try await draining
        _ = try await settle(drained, of: 1, on: drainer)
        _ = try await settle(parked, of: 2, on: parker)

        #expect(try await parker.history() == [1, 2, 3])
        #expect(try await parker.watermark()?.status == .ok)
        #expect(try await parker.parked().isEmpty)
    }

    @Test("Of two replicas that hold the same next event, one applies it, and the other's handler never runs")
    func sameEvent() async throws {
        let pause = first.pause(before: .claim)
        async let slow = parker.apply(1)
        try await pause.reached()
        #expect(try await drainer.apply(1).outcomes == [.applied: 1])
        pause.resume()
        let lost = try await slow
        #expect(lost.conflicts == 1)
        #expect(lost.failures.isEmpty, "the loser of a race is never taken for a failure")
        #expect(try await parker.apply(1).outcomes == [.stale: 1])
        #expect(try await parker.history() == [1])
    }

    @Test("A lost claim drops its aggregate from the batch, and the rest of the batch commits")
    func othersCommit() async throws {
        let events = try ["a", "b", "c"].map { (try Make.envelope(1, of: $0), 1) }
        let pause = first.pause(before: .claim)
        async let slow = parker.apply(events)
        try await pause.reached()
        _ = try await drainer.apply(1, of: "b")
        pause.resume()
        let report = try await slow
        #expect(report.outcomes == [.applied: 2])
        #expect(report.lost == 1)
        for id in ["a", "b", "c"] { #expect(try await parker.history(id) == [1]) }
    }

    @Test("A change of status alone makes a claim that was read before it lose")
    func statusChange() async throws {
        let failing = try Replica(store: second, handlers: .ledger { _, _ in throw HandlerRefused() })
        _ = try await parker.apply(1)
        let pause = first.pause(before: .claim)
        async let slow = parker.apply(2)
        try await pause.reached()
        _ = try await failing.apply(2)
        pause.resume()
        #expect(try await slow.lost == 1, "the version is the same, the revision is not")
        #expect(try await parker.watermark()?.status == .retrying)
        #expect(try await parker.apply(2).outcomes == [.waiting: 1])
    }

    @Test("A commit whose outcome is unknown is an error, never an outcome", arguments: [true, false])
    func unknownCommit(isCommitted: Bool) async throws {
        first.failNextCommit(.unknown(isCommitted: isCommitted))
        let error = await #expect(throws: StoreError.self) { _ = try await parker.apply(1) }
        #expect(error?.code == .commitUnknown)
        let again = try await parker.apply(1)
        #expect(again.outcomes == (isCommitted ? [.stale: 1] : [.applied: 1]))
        #expect(try await parker.history() == [1])
    }
}
