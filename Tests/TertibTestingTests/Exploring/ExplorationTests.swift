import Testing
import TertibCore

@testable import TertibTesting

@Suite("Exploring small worlds")
struct ExplorationTests {
    /// Those that a debug build explores in a second or two; `make explore` goes through all of them.
    static let small = SmallWorld.explored.filter { world in
        [
            "three events, two replicas, a sweeper", "two events of one version", "a poison event in the middle",
            "three events, three replicas", "four events, two replicas", "three events, three replicas, a crash",
            "a handler that fails now and then", "two events, and everything that can be lost",
            "three events, room for one parked row, a drain of one a transaction",
        ].contains(world.name)
    }

    @Test("nothing that can happen in it breaks a promise", arguments: small)
    func exhaustively(world: SmallWorld) throws {
        var search = try ExhaustiveSearch(world)
        let outcome = search.run()
        #expect(outcome.finding == nil, "\(outcome.finding.map(String.init(describing:)) ?? "")")
        #expect(!outcome.isCutOff)
        #expect(outcome.statesAtRest > 0)
        #expect(outcome.states > 1000)
    }

    @Test("the names of the small worlds are those of the catalogue")
    func namesAreKnown() {
        #expect(Self.small.count == 9)
    }

    @Test("no schedule drawn at random breaks a promise, and the rare happens", arguments: SmallWorld.shapes)
    func atRandom(world: SmallWorld) throws {
        let schedules = try RandomSchedules(world)
        for seed in 0..<UInt64(120) {
            let finding = schedules.run(seed: seed)
            try #require(finding == nil, "\(finding.map { String(describing: schedules.shrunk($0)) } ?? "")")
        }
        var wanted: [ExplorerBranch] = [
            .crashInTransaction, .crashBeforeAcknowledgement, .unknownCommitted, .unknownRolledBack, .doubleDelivery,
            .redelivery,
        ]
        // Where all events are of the first version there is no gap.
        if world.messages.contains(where: { $0.version > 1 }) { wanted += [.parked, .parkThenDrain] }
        if world.isolation == .readCommitted { wanted += [.lostClaim, .conflict] }
        for branch in wanted { #expect(schedules.branches[branch] >= 10, "\(branch)") }
    }

    @Test("what is explored to the end contains every rare branch: repairs, retries, sweeps, lost commits, crashes")
    func exploredBranches() throws {
        var branches = BranchCounts()
        for world in Self.small where world.sweepers > 0 || world.messages.count <= 3 && world.replicas == 2 {
            var search = try ExhaustiveSearch(world)
            branches.add(search.run().branches)
        }
        #expect(branches.vacuous(below: 1) == [])
    }

    @Test("the schedules of all worlds together meet every rare branch")
    func branchesAtRandom() async throws {
        let report = try await Exploration().run(seeds: 0..<1200, jobs: 2)
        #expect(report.schedules == 1200)
        #expect(report.failures.map(\.finding.description) == [])
        #expect(report.branches.vacuous(below: 5) == [])
    }

    @Test("a seed gives the same schedule twice")
    func seedsAreReproducible() throws {
        let world = try #require(SmallWorld.shapes.first)
        let (first, second) = (try RandomSchedules(world), try RandomSchedules(world))
        for seed in 0..<UInt64(20) {
            _ = first.run(seed: seed)
            _ = second.run(seed: 19 - seed)
        }
        #expect(first.steps == second.steps)
        #expect(first.branches == second.branches)
    }
}
