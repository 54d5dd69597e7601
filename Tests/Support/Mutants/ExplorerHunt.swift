import TertibCore
import TertibTesting

/// What was caught, and by whom.
struct Prey {
    enum Engine: String {
        case explorer, simulator
        /// The explorer, in worlds of relays.
        case relays
    }

    let engine: Engine
    let oracle: String
    /// How many schedules it took; in worlds of relays, how many states.
    let schedules: Int
    /// How long the shrunk timeline is.
    let steps: Int
    /// In which world, or with which seed.
    let place: String
    let timeline: String
}

/// Looks for a violation by schedules of the explorer, in all worlds in turn.
struct ExplorerHunt {
    private let worlds: [RandomSchedules]

    /// After a catch, so many further schedules are tried for a shorter way to it.
    private static let furtherTries = 100

    /// Prepares a hunt. Its transactions are worked out anew, because a bug that was planted since changes them.
    init() throws {
        worlds = try SmallWorld.shapes.map { try RandomSchedules($0) }
    }

    /// Rare branches that all schedules so far have met less than twenty times.
    var missedBranches: [ExplorerBranch] {
        var branches = BranchCounts()
        for world in worlds { branches.add(world.branches) }
        return branches.vacuous(below: 20)
    }

    var steps: Int { worlds.reduce(0) { $0 + $1.steps } }

    /// The first violation among so many schedules. A shorter way to the same oracle's, among some more schedules of the
    /// same world, stands in for it.
    func first(of count: Int, seed: UInt64, shrinks: Bool = true) throws -> Prey? {
        var seeds = SeededGenerator(seed: seed)
        for number in 0..<count {
            let world = worlds[number % worlds.count]
            guard let finding = world.run(seed: seeds.next()) else { continue }
            guard shrinks else { return prey(finding, after: number + 1) }
            var shortest = world.shrunk(finding)
            for _ in 0..<Self.furtherTries {
                guard let other = world.run(seed: seeds.next()),
                    other.violation.oracle == finding.violation.oracle
                else { continue }
                let shrunk = world.shrunk(other)
                if shrunk.timeline.count < shortest.timeline.count { shortest = shrunk }
            }
            shortest = try ExplorerShrinker.minimise(shortest)
            return prey(shortest, after: number + 1)
        }
        return nil
    }

    private func prey(_ finding: ExplorerFinding, after schedules: Int) -> Prey {
        Prey(
            engine: .explorer, oracle: finding.violation.oracle, schedules: schedules, steps: finding.timeline.count,
            place: finding.world.name, timeline: "\(finding)")
    }
}
