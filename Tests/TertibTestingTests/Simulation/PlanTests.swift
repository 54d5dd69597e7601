import Foundation
import TertibRuntime
import Testing

@testable import TertibTesting

/// Plans that were written by hand, or by a version that knew something else.
@Suite("Plans of the simulator")
struct PlanTests {
    static let good = """
        {"options":{"seed":1,"replicas":2},
        "events":[{"at":0,"aggregate":"product/1","version":1}],
        "staged":[{"at":0,"replica":0,"aggregate":"order/1","count":1}],
        "appended":[{"at":0,"replica":0,"aggregate":"account/1","count":1,"expects":true}],
        "failing":[{"aggregate":"product/1","version":1,"times":1}],
        "disturbances":[{"kind":"crash","replica":0,"point":"afterClaim","nth":1,"lasting":10},
        {"kind":"kill","at":10,"replica":0},{"kind":"trim","at":10,"amount":3}],
        "schedule":{"positions":[3],"values":[1]}}
        """

    @Test("one that makes sense runs")
    func runs() async throws {
        #expect(try await Simulation().run(SimulationPlan(json: Self.good)).violations == [])
    }

    /// What is replaced, by what, and what the error says.
    static let faults = [
        (#""replicas":2"#, #""replicas":-1"#, "options.replicas of the plan is -1; it is from 1 to 64"),
        (#""replicas":2"#, #""replicas":0"#, "options.replicas of the plan is 0; it is from 1 to 64"),
        (#""replicas":2"#, #""replicas":"two""#, "options.replicas of the plan is not a whole number"),
        (#""replicas":2"#, #""batch":0"#, "options.batch of the plan is 0; it is from 1 to 1000000"),
        (#""replicas":2"#, #""crashes":-1"#, "options.crashes of the plan is -1; it is from 0 to 1000000"),
        (#""replicas":2"#, #""slowness":1.5"#, "options.slowness of the plan is 1.5; it is from 0.0 to 1.0"),
        (#""replicas":2"#, #""milliseconds":-5"#, "options.milliseconds of the plan is -5; it is from 0 to 86400000"),
        (#""replicas":2"#, #""isolation":"none""#, "options.isolation of the plan is none of readCommitted, serial"),
        (#""seed":1,"#, "", "options.seed of the plan is missing"),
        (#""version":1}],"#, #""version":0}],"#, "events[0].version of the plan is 0; it is from 1 to 1000000"),
        (#""version":1}],"#, #""version":1,"kind":"odd"}],"#, "events[0].kind of the plan is none of event, fork, "),
        (
            #"[{"at":0,"aggregate":"product/1""#, #"[{"at":0,"aggregate":"product""#,
            "events[0].aggregate of the plan is product; it is a type and an id, such as product/1"
        ),
        (#"[{"at":0,"aggr"#, #"[{"at":-1,"aggr"#, "events[0].at of the plan is -1; it is from 0 to 86400000"),
        (
            #""order/1""#, #""product/1""#,
            "staged[0].aggregate of the plan is product/1; it is a type and an id, such as order/1"
        ),
        (#""order/1","count":1"#, #""order/1","count":-1"#, "staged[0].count of the plan is -1; it is from 1 to 1000"),
        (
            #""replica":0,"aggregate":"account/1""#, #""replica":-1,"aggregate":"account/1""#,
            "appended[0].replica of the plan is -1; it is from 0 to 64"
        ),
        (#""times":1"#, #""times":0"#, "failing[0].times of the plan is 0; it is from 1 to 1000000"),
        (#""times":1"#, #""way":"never""#, "failing[0].way of the plan is none of beforeItsWrites, whileParked"),
        (
            #""afterClaim""#, #""afterLunch""#,
            "disturbances[0].point of the plan is afterLunch; it is one of afterFetch, "
        ),
        (#""point":"afterClaim","#, "", "disturbances[0].point of the plan is missing; it is one of afterFetch, "),
        (#","nth":1"#, "", "disturbances[0].nth of the plan is missing; crash has one from 1 to 1000000"),
        (#""nth":1"#, #""nth":0"#, "disturbances[0].nth of the plan is 0; it is from 1 to 1000000"),
        (#""kind":"crash""#, #""kind":"flood""#, "disturbances[0].kind of the plan is none of crash, kill, "),
        (
            #""kind":"crash","replica":0"#, #""kind":"crash","replica":-3"#,
            "disturbances[0].replica of the plan is -3; "
        ),
        (#""at":10,"replica""#, #""replica""#, "disturbances[1].at of the plan is missing; kill has one from 0 to "),
        (#""at":10,"replica":0"#, #""at":10"#, "disturbances[1].replica of the plan is missing; kill has one from 0"),
        (#""amount":3"#, #""amount":-3"#, "disturbances[2].amount of the plan is -3; it is from 0 to 1000000"),
        (#""values":[1]"#, #""values":[]"#, "schedule.values of the plan are 0, and there are 1 positions"),
        (#""values":[1]"#, #""values":[-1]"#, "schedule.values[0] of the plan is -1; it is from 0 to "),
        (#""values":[1]"#, #""values":1"#, "schedule.values of the plan is not a list"),
        (#"{"options""#, #""options""#, "the plan is not JSON"),
    ]

    @Test("A value that makes no sense is refused, by its name and with what is allowed", arguments: faults)
    func refused(change: (part: String, by: String, text: String)) throws {
        #expect(Self.good.contains(change.part))
        let text = Self.good.replacingOccurrences(of: change.part, with: change.by)
        let error = try #require(#expect(throws: SimulationPlanError.self) { try SimulationPlan(json: text) })
        #expect(error.description.hasPrefix(change.text), "\(error)")
        #expect((error as any Error).localizedDescription == error.description)
    }

    @Test("A plan that was made in code is refused when it runs")
    func refusedInCode() async {
        var plan = SimulationPlan(SimulationOptions(seed: 1))
        plan.options.replicas = -1
        await #expect(throws: SimulationPlanError.self) { try await Simulation().run(plan) }
    }

    @Test("What a seed stands for makes sense")
    func drawn() throws {
        for seed in UInt64(0)..<500 { try SimulationPlan(SimulationOptions(seed: seed)).validate() }
    }

    @Test("More seeds than there are numbers", arguments: [0..<UInt64.max, 5..<UInt64.max, UInt64.max..<UInt64.max])
    func manySeeds(seeds: Range<UInt64>) async throws {
        let subject = SimulationSubject(register: { _, _ in }, invariant: { _ in throw InvariantViolation("never") })
        let report = try await Simulation(subject).run(seeds: seeds, failureLimit: 1)
        #expect(report.failures.map(\.plan.options.seed) == (seeds.isEmpty ? [] : [seeds.lowerBound]))
    }

    @Test("Runs end when their task is cancelled")
    func cancelled() async {
        let begun = ChangeSignal()
        // Unstructured, so that the test can cancel it.
        let task = Task { () -> Void in
            _ = try await Simulation().run(seeds: 0..<UInt64.max) { _ in begun.notify() }
        }
        await begun.change(after: 0)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
