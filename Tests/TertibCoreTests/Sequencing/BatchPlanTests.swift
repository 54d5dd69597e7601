import Testing
import TertibCore

@Suite("What a batch claims")
struct BatchPlanTests {
    private func plan(
        _ arrivals: [Arrival], _ watermarks: [Watermark] = [], wakes: Set<Aggregate> = [], mayHold: Bool = false
    ) -> BatchPlan {
        BatchPlan(
            arrivals: arrivals, wakes: wakes,
            watermarks: Dictionary(uniqueKeysWithValues: watermarks.map { ($0.aggregate, $0) }), generation: 1,
            mayHold: { _ in mayHold })
    }

    @Test("Stale events are settled without a claim")
    func stale() throws {
        let plan = plan([try Sample.arrival(3)], [try Sample.watermark(5)])
        #expect(plan.claims.isEmpty)
        #expect(plan.settled == [.init(3): .stale])
    }

    @Test("A lone gapped event is held without a claim, but not behind parked rows or a failure")
    func held() throws {
        let arrival = try Sample.arrival(3)
        #expect(plan([arrival], [try Sample.watermark(1)], mayHold: true).settled == [.init(3): .held])
        #expect(plan([arrival], [try Sample.watermark(1)], mayHold: false).claims.count == 1)
        #expect(plan([arrival], [try Sample.watermark(1, parked: 1, status: .gap)], mayHold: true).claims.count == 1)
        #expect(plan([arrival], [try Sample.watermark(1, status: .quarantined)], mayHold: true).claims.count == 1)
        #expect(plan([arrival, try Sample.arrival(4)], [try Sample.watermark(1)], mayHold: true).claims.count == 1)
    }

    @Test("Everything that may write is claimed, in byte order, rows to come included")
    func claims() throws {
        let plan = plan(
            [
                try Sample.arrival(1, of: "b"), try Sample.arrival(1, of: "a", ticket: 2),
                try Sample.arrival(4, of: "c"),
            ],
            [try Sample.watermark(4, of: "c")], wakes: [try Sample.aggregate("d")])
        #expect(plan.claims.map(\.aggregate.id.text) == ["a", "b", "d"])
        #expect(plan.claims.allSatisfy { !$0.exists })
    }

    @Test("A fork at the watermark needs a claim")
    func fork() throws {
        #expect(plan([try Sample.arrival(4, event: "x")], [try Sample.watermark(4)]).claims.count == 1)
    }
}
