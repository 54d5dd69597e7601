/// A run of ``simulate(seeds:events:publishes:statements:configure:handlers:invariant:)`` or of
/// ``simulate(replaying:events:publishes:statements:handlers:invariant:)`` failed.
public struct SimulationFailure: Error, Sendable, CustomStringConvertible {
    /// The seed.
    public let seed: UInt64
    /// How many runs there were up to this one.
    public let schedules: Int
    /// The run, made smaller, with its timeline.
    public let outcome: SimulationOutcome
    /// Whether it was a plan that was given, and not a seed.
    let isReplay: Bool

    init(seed: UInt64, schedules: Int, outcome: SimulationOutcome, isReplay: Bool = false) {
        self.seed = seed
        self.schedules = schedules
        self.outcome = outcome
        self.isReplay = isReplay
    }

    /// The run as a plan: what to save, and to give to
    /// ``simulate(replaying:events:publishes:statements:handlers:invariant:)``.
    public var plan: SimulationPlan { outcome.plan }

    /// What is wrong, what happened, how to run it again, and what to save to run it again for ever.
    public var description: String {
        let first = outcome.violations.first?.description ?? "it failed only before it was made smaller"
        let name = isReplay ? "the plan of seed \(seed)" : "seed \(seed)"
        return "\(name): \(first)\n" + outcome.story.suffix(60).joined(separator: "\n") + (isReplay ? "" : advice)
    }

    private var advice: String {
        let again = "\nrun it again with seeds: \(seed)..<\(seed + 1)"
        guard let json = try? plan.json else { return again }
        return again + "\nkeep just this run as a test, with the same events, statements, handlers and invariant:\n"
            + "try await simulate(replaying: SimulationPlan(json: #\"\(String(decoding: json, as: UTF8.self))\"#), ...)"
    }
}
