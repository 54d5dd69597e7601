import TertibTesting

/// Looks for a violation by runs of the simulator: the real loops, on a seeded executor.
struct SimulationHunt {
    private let seed: UInt64

    /// Prepares a hunt.
    init(_ options: Options) {
        seed = options.seed
    }

    /// The first violation among so many runs.
    func first(of count: Int) async throws -> Prey? {
        var seeds = SeededGenerator(seed: seed)
        for number in 0..<count {
            let drawn = seeds.next() >> 16
            let outcome = try await Simulation().run(seed: drawn)
            guard let oracle = outcome.violations.first?.oracle else { continue }
            let least = try await Simulation().minimise(outcome)
            return Prey(
                engine: .simulator, oracle: "\(oracle)", schedules: number + 1, steps: least.story.count,
                place: "seed \(drawn)", timeline: least.story.joined(separator: "\n"))
        }
        return nil
    }
}
