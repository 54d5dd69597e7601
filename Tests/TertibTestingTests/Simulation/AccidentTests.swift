import Testing

@testable import TertibTesting

/// What happens to the stream as a whole, in worlds without any other fault.
@Suite("Accidents of the stream")
struct AccidentTests {
    private func plan(_ accidents: Disturbance...) -> SimulationPlan {
        var options = SimulationOptions(plain: 3)
        options.milliseconds = 1200
        var events: [SimulationPlan.Event] = []
        for version in 1...6 {
            events.append(SimulationPlan.Event(at: version * 100, aggregate: "product/1", version: version))
        }
        let staged = [100, 900].map { SimulationPlan.Staged(at: $0, replica: 0, aggregate: "order/1", count: 3) }
        return SimulationPlan(
            options: options, events: events, staged: staged, failing: [], disturbances: accidents)
    }

    @Test("What the broker has lost is published again before anything that follows it")
    func lostTail() async throws {
        let outcome = try await Simulation().run(plan(Disturbance(.loseTail, at: 350, lasting: 50, amount: 20)))
        #expect(outcome.violations == [])
        #expect(outcome.branches[.lostTail] == 1)
        #expect(outcome.branches[.reopened, default: 0] > 0)
    }

    @Test("What the broker passes over is read from the stream when a later version shows that it is missing")
    func skipped() async throws {
        var plan = plan(
            Disturbance(.brokerAway, at: 50, lasting: 1000), Disturbance(.skip, at: 700, amount: 3))
        plan.options.milliseconds = 3000
        let outcome = try await Simulation().run(plan)
        #expect(outcome.violations == [])
        #expect(outcome.branches[.skipped] == 3)
        #expect(outcome.branches[.repaired, default: 0] > 0)
    }

    @Test("A consumer whose stream was deleted stops with the reason, and goes on where it was restored")
    func restored() async throws {
        let outcome = try await Simulation().run(plan(Disturbance(.restore, at: 700, lasting: 50, amount: 4)))
        #expect(outcome.violations == [])
        #expect(outcome.branches[.streamRefused, default: 0] > 0)
    }

    @Test("A consumer whose stream was created anew takes nothing of the new one, and never starts again")
    func recreated() async throws {
        let outcome = try await Simulation().run(
            plan(Disturbance(.recreate, at: 350, lasting: 2000)), keepsTimeline: true)
        #expect(outcome.violations == [])
        #expect(outcome.branches[.streamRefused, default: 0] > 1)
        #expect(outcome.timeline.contains { $0.contains("Restore the stream, or start with a fresh database.") })
    }

    @Test("A consumer that nobody tells of its new stream looks for itself")
    func untold() async throws {
        let outcome = try await Simulation().run(
            plan(Disturbance(.recreate, at: 350, lasting: 20_000)), keepsTimeline: true)
        #expect(outcome.violations == [])
        let end = try #require(outcome.timeline.first { $0.contains("was created anew at") })
        let milliseconds = end.split(separator: " ").first.flatMap { Int($0) }
        #expect(try #require(milliseconds) < 1500)
    }
}
