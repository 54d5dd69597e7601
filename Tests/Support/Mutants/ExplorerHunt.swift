import TertibTesting

/// Looks for a violation by schedules of the explorer, in all worlds in turn.
struct ExplorerHunt {
    /// What was caught.
    struct Prey {
        /// Shrunk.
        let finding: ExplorerFinding
        /// How many schedules it took.
        let schedules: Int
    }

    private let worlds: [RandomSchedules]
    private let seed: UInt64

    /// Prepares a hunt. Its transactions are worked out anew, because a bug that was planted since changes them.
    init(_ options: Options) throws {
        worlds = try SmallWorld.shapes.map { try RandomSchedules($0) }
        seed = options.seed
    }

    var steps: Int { worlds.reduce(0) { $0 + $1.steps } }

    /// The first violation among so many schedules. A shorter way to the same oracle's, among some more schedules of the
    /// same world, stands in for it.
    func first(of count: Int) -> Prey? {
        var seeds = SeededGenerator(seed: seed)
        for number in 0..<count {
            let world = worlds[number % worlds.count]
            guard let finding = world.run(seed: seeds.next()) else { continue }
            var shortest = world.shrunk(finding)
            for _ in 0..<Self.furtherTries {
                guard let other = world.run(seed: seeds.next()),
                    other.violation.oracle == finding.violation.oracle
                else { continue }
                let shrunk = world.shrunk(other)
                if shrunk.timeline.count < shortest.timeline.count { shortest = shrunk }
            }
            return Prey(finding: shortest, schedules: number + 1)
        }
        return nil
    }

    private static let furtherTries = 100
}
