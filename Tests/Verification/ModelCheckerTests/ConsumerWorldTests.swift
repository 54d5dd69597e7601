import TertibCore
import Testing

@testable import ModelChecker

@Suite("Worlds of consumers")
struct ConsumerWorldTests {
    /// Those that a debug build explores in a second or two; `make explore` goes through all of them.
    static let small = ConsumerScenario.explored.filter { scenario in
        [
            "three events, two replicas, a sweeper", "two events of one version", "a poison event in the middle",
            "three events, three replicas", "four events, two replicas", "three events, three replicas, a crash",
            "a handler that fails now and then", "two events, and everything that can be lost",
            "three events, room for one parked row, a drain of one a transaction",
        ].contains(scenario.name)
    }

    @Test("Nothing that can happen in a small world breaks a promise", arguments: small)
    func exhaustively(scenario: ConsumerScenario) throws {
        let result = try SmallWorld.consumers(scenario).explore()
        #expect(result.finding == nil, "\(result.finding.map(String.init(describing:)) ?? "")")
        #expect(!result.isCutOff)
        #expect(result.statesAtRest > 0)
        #expect(result.states > 1000)
    }

    @Test("The small worlds that tests explore are in the catalogue, and no world has the name of another")
    func namesAreKnown() {
        #expect(Self.small.count == 9)
        let names = SmallWorld.explored(long: true).map(\.name) + ConsumerScenario.shapes.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test("No schedule drawn at random breaks a promise, and the rare happens", arguments: ConsumerScenario.shapes)
    func atRandom(scenario: ConsumerScenario) throws {
        let schedules = try Schedules<ConsumerWorld>(scenario)
        for seed in 0..<UInt64(120) {
            let schedule = schedules.run(seed: seed)
            guard schedule.violation != nil else { continue }
            let finding = Finding(schedules.shrunk(schedule), in: schedules.world, origin: "seed \(seed)")
            Issue.record("\(finding.map(String.init(describing:)) ?? "")")
            return
        }
        var wanted: [ConsumerBranch] = [
            .crashInTransaction, .crashBeforeAcknowledgement, .unknownCommitted, .unknownRolledBack, .doubleDelivery,
            .redelivery,
        ]
        // Where all events are of the first version there is no gap.
        if scenario.messages.contains(where: { $0.version > 1 }) { wanted += [.parked, .parkThenDrain] }
        if scenario.isolation == .readCommitted { wanted += [.lostClaim, .conflict] }
        for branch in wanted { #expect(schedules.branches[branch] >= 10, "\(branch)") }
    }

    @Test("What is explored to its end contains every rare branch: repairs, retries, sweeps, lost commits, crashes")
    func exploredBranches() throws {
        var branches = BranchCounts(of: ConsumerBranch.self)
        for scenario in Self.small where scenario.sweepers > 0 || scenario.messages.count <= 3 && scenario.replicas == 2
        {
            branches.add(try SmallWorld.consumers(scenario).explore().branches)
        }
        #expect(branches.rarer(than: 1) == [])
    }

    @Test("The schedules of all worlds together meet every rare branch")
    func branchesAtRandom() async throws {
        let report = try await RandomExploration<ConsumerWorld>(ConsumerScenario.shapes).run(seeds: 0..<1200, jobs: 2)
        #expect(report.schedules == 1200)
        #expect(report.failures.map(\.finding.description) == [])
        #expect(report.branches.rarer(than: 5) == [])
    }

    @Test("A seed gives the same schedule twice")
    func seedsAreReproducible() throws {
        let scenario = try #require(ConsumerScenario.shapes.first)
        let (first, second) = (try Schedules<ConsumerWorld>(scenario), try Schedules<ConsumerWorld>(scenario))
        for seed in 0..<UInt64(20) {
            _ = first.run(seed: seed)
            _ = second.run(seed: 19 - seed)
        }
        #expect(first.steps == second.steps)
        #expect(first.branches == second.branches)
    }

    @Test("A scenario that makes no sense is refused")
    func refused() throws {
        for change: (inout ConsumerScenario) -> Void in [
            { $0.messages = [] }, { $0.messages[0].aggregate = 4 }, { $0.messages[0].version = 9 }, { $0.replicas = 9 },
            { $0.faults[.crash] = 256 }, { $0.drainLimit = 0 },
        ] {
            var scenario = ConsumerScenario("wrong", ConsumerScenario.history(0, 2))
            change(&scenario)
            #expect(throws: ScenarioError.self) { try Schedules<ConsumerWorld>(scenario) }
        }
    }
}
