import Foundation
import TertibRuntime
import TertibCore

/// One run: a world, and the thread that takes it from its first event to its end.
enum SimulationRun {
    /// Runs a plan on the calling thread, which must not be one of the cooperative pool.
    static func run(
        _ plan: SimulationPlan, subject: SimulationSubject = .own, keepsTrace: Bool = false
    ) throws -> SimulationOutcome {
        let world = try SimulatedWorld(plan, subject: subject, keepsTrace: keepsTrace)
        defer { world.end() }
        let scheduler = world.scheduler
        // The one unstructured task of a run: its executor is the scheduler, which this thread drives until it is done.
        let root = Task(executorPreference: world.environment) { await world.live() }
        scheduler.run(until: { world.isDone }) {
            world.observe(.halted("nobody can go on, and the run is not over"))
            root.cancel()
        }
        if !world.isDone, world.violations.isEmpty {
            world.observe(.halted("the run does not come to an end"))
        }
        let (schedule, broker) = (world.schedule.summary, world.brokerChoices.summary)
        var recorded = plan
        recorded.schedule = SimulationPlan.Choices(world.schedule.taken)
        recorded.broker = SimulationPlan.Choices(world.brokerChoices.taken)
        var hash = schedule.hash
        for value in [broker.hash, UInt64(schedule.count), UInt64(broker.count), UInt64(scheduler.steps)] {
            hash = (hash ^ value) &* 0x100_0000_01B3
        }
        return SimulationOutcome(
            plan: recorded, violations: world.violations, branches: world.branches, traceHash: hash,
            calls: SimulationCalls(
                storeSteps: world.storeSteps, commits: world.commits, logCalls: world.logCalls,
                publishes: world.publishes, fetches: world.fetches, answers: world.answers),
            steps: scheduler.steps, duration: scheduler.now, timeline: world.trace.lines,
            story: SimulationStory(world.trace.story).lines)
    }

    /// Runs `body` on a thread of its own.
    static func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Swift.Result { try body() }) }
            thread.stackSize = 8 << 20
            thread.name = "tertib.simulation"
            thread.start()
        }
    }
}
