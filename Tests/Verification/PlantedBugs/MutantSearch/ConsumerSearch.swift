import TertibCore
import ModelChecker
import TertibTesting

/// Searches for a violation by schedules of the model checker, in all worlds of consumers in turn.
struct ConsumerSearch {
    private let options: Options
    private let worlds: [Schedules<ConsumerWorld>]

    /// After a violation, the number of further schedules that are tried for a shorter one.
    private static let furtherTries = 100

    init(_ options: Options) throws {
        self.options = options
        worlds = try ConsumerScenario.shapes.map { try Schedules<ConsumerWorld>($0) }
    }

    /// How often rare branches were taken so far.
    var branches: BranchCounts {
        worlds.reduce(into: BranchCounts(of: ConsumerBranch.self)) { $0.add($1.branches) }
    }

    var steps: Int { worlds.reduce(0) { $0 + $1.steps } }

    /// The first violation. The shortest one by the same oracle, among some more schedules of the same world, stands in for
    /// it.
    func run() throws -> Detection? {
        var seeds = SeededGenerator(seed: options.seed)
        for number in 0..<options.schedules {
            let schedules = worlds[number % worlds.count]
            let first = schedules.run(seed: seeds.next())
            guard let violation = first.violation else { continue }
            var least = first
            if !options.isBare {
                least = schedules.shrunk(first)
                for _ in 0..<Self.furtherTries {
                    let other = schedules.run(seed: seeds.next())
                    guard other.violation?.oracle == violation.oracle else { continue }
                    let shrunk = schedules.shrunk(other)
                    if shrunk.steps.count < least.steps.count { least = shrunk }
                }
                least = try Shrinker.minimise(least)
            }
            let world = try ConsumerWorld(least.setup, also: [])
            return Finding(least, in: world, origin: "schedule \(number + 1)").map {
                Detection(.consumers, $0, after: number + 1)
            }
        }
        return nil
    }
}
