import Testing

@testable import TertibLab

@Suite("The plan of the chaos")
struct ChaosPlanTests {
    private func options(
        seed: UInt64, minutes: Double = 0.5, store: ChaosOptions.Store = .sqlite
    ) -> ChaosOptions {
        ChaosOptions(seed: seed, length: .seconds(minutes * 60), events: 6000, store: store, broker: "", program: "")
    }

    @Test("is the same for the same seed, and another one for another")
    func seeded() {
        #expect(ChaosPlan(options(seed: 9)) == ChaosPlan(options(seed: 9)))
        #expect(ChaosPlan(options(seed: 9)) != ChaosPlan(options(seed: 10)))
    }

    @Test("has every kind of fault even when it is short", arguments: 1...20)
    func complete(seed: Int) {
        for (store, count) in [(ChaosOptions.Store.sqlite, 16), (.postgres, 21), (.server(url: ""), 17)] {
            let plan = ChaosPlan(options(seed: UInt64(seed), store: store))
            let kinds = Set(plan.faults.map { "\($0.kind)".prefix { $0 != "(" } })
            #expect(kinds.count == count)
            #expect(plan.faults.map(\.at) == plan.faults.map(\.at).sorted())
            #expect(plan.faults.allSatisfy { $0.at > .zero && $0.at < .seconds(30) })
        }
    }

    @Test("pauses last longer than the acknowledgement wait, and a long run has many faults")
    func long() {
        let plan = ChaosPlan(options(seed: 2, minutes: 5))
        #expect(plan.faults.count == 200)
        for fault in plan.faults {
            if case .pause = fault.kind { #expect(fault.length > ChaosPlan.acknowledgementWait) }
        }
    }

    @Test("the replicas' own events are a part of a small load, and have a limit in a great one")
    func loads() {
        func plan(_ events: Int) -> ChaosPlan {
            ChaosPlan(ChaosOptions(seed: 1, length: .seconds(60), events: events, broker: "", program: ""))
        }
        #expect((plan(10_000).staged, plan(10_000).appended, plan(10_000).foreign) == (1200, 800, 7000))
        #expect((plan(100_000).staged, plan(100_000).appended, plan(100_000).foreign) == (3600, 2400, 82_250))
    }
}
