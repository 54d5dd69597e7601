/// The deterministic simulator: the real consumer and publisher, on a broker and a database in memory, under a schedule
/// and faults that a seed decides.
///
/// The same plan gives the same run, choice by choice.
public struct Simulation: Sendable {
    let subject: SimulationSubject

    /// Simulates the simulator's own handlers.
    public init() {
        subject = .own
    }

    init(_ subject: SimulationSubject) {
        self.subject = subject
    }

    /// Runs a plan to its end.
    /// - Parameter keepsTimeline: Whether the outcome has what happened, a line each.
    public func run(_ plan: SimulationPlan, keepsTimeline: Bool = false) async throws -> SimulationOutcome {
        try await SimulationRun.onThread { [subject] in
            try SimulationRun.run(plan, subject: subject, keepsTrace: keepsTimeline)
        }
    }

    /// Runs what a seed stands for.
    public func run(seed: UInt64, keepsTimeline: Bool = false) async throws -> SimulationOutcome {
        try await run(SimulationPlan(SimulationOptions(seed: seed)), keepsTimeline: keepsTimeline)
    }

    /// Makes a run that fails smaller, as long as the same oracle objects, and gives back what is left of it, with its
    /// timeline.
    /// - Parameter limit: How long that may take, in real time.
    public func minimise(_ outcome: SimulationOutcome, within limit: Duration = .seconds(10)) async throws
        -> SimulationOutcome
    {
        guard let violation = outcome.violations.first else { return outcome }
        return try await SimulationRun.onThread { [subject] in
            let plan = Minimiser.minimise(outcome.plan, violation: violation, subject: subject, within: limit)
            return try SimulationRun.run(plan, subject: subject, keepsTrace: true)
        }
    }
}
