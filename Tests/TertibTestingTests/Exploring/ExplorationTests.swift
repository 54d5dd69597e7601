import Testing
import TertibCore

@testable import TertibTesting

@Suite("Exploring small worlds")
struct ExplorationTests {
    /// Those that a debug build explores in a second or two; `make mutants` explores all of them.
    static let small = SmallWorld.explored.filter { world in
        [
            "three events, two replicas, a sweeper", "two events of one version", "a poison event in the middle",
            "three events, three replicas", "four events, two replicas", "three events, three replicas, a crash",
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
        #expect(Self.small.count == 6)
    }

    @Test("no schedule drawn at random breaks a promise, and the rare happens", arguments: SmallWorld.shapes)
    func atRandom(world: SmallWorld) throws {
        let schedules = try RandomSchedules(world)
        for seed in 0..<UInt64(120) {
            let finding = schedules.run(seed: seed)
            try #require(finding == nil, "\(finding.map { String(describing: schedules.shrunk($0)) } ?? "")")
        }
        let branches = schedules.branches
        #expect(branches.parks >= 10 && branches.drains >= 10, "\(branches)")
        #expect(branches.crashesInTransactions >= 10 && branches.crashesBeforeAcknowledgement >= 10, "\(branches)")
        #expect(branches.unknownCommits >= 10 && branches.redeliveries >= 10, "\(branches)")
        if world.isolation == .readCommitted {
            #expect(branches.lostClaims >= 10 && branches.conflicts >= 10, "\(branches)")
        }
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
