import Synchronization
import Testing

@testable import TertibTesting

/// The real consumer and relay under seeded schedules.
@Suite("Simulation")
struct SimulationTests {
    @Test("No oracle objects to any seed, and a second run of it is the same, choice by choice")
    func seeds() async throws {
        let report = try await Simulation().run(seeds: 0..<100, twice: true, jobs: 2)
        #expect(report.schedules == 100)
        #expect(report.unequal == [])
        #expect(report.failures.flatMap(\.violations) == [], "seeds \(report.failures.map(\.plan.options.seed))")
        #expect(report.vacuous(below: 1) == [], "a run that never meets a rare branch says nothing about it")
    }

    @Test("The timelines of two runs are equal, byte for byte, and those of two seeds are not")
    func timelines() async throws {
        let first = try await Simulation().run(seed: 11, keepsTimeline: true)
        let second = try await Simulation().run(seed: 11, keepsTimeline: true)
        #expect(first.timeline == second.timeline)
        #expect(first.timeline.count > 100)
        #expect(try await Simulation().run(seed: 12).traceHash != first.traceHash)
    }

    @Test("What is watched does not change the run")
    func watching() async throws {
        let watched = try await Simulation().run(seed: 5, keepsTimeline: true)
        let unwatched = try await Simulation().run(seed: 5)
        #expect(watched.traceHash == unwatched.traceHash)
        #expect(unwatched.timeline.isEmpty)
    }

    @Test("A recorded run is replayed from its JSON, without its seed's choices", arguments: [UInt64(3), 8, 21])
    func replay(seed: UInt64) async throws {
        let recorded = try await Simulation().run(seed: seed)
        var plan = try SimulationPlan(json: try recorded.plan.json)
        #expect(plan == recorded.plan)
        #expect(plan.schedule != nil)
        plan.options.seed = seed  // clocks and jitter still come from it; the choices do not
        #expect(try await Simulation().run(plan).traceHash == recorded.traceHash)
    }

    @Test("A run that is over leaves nothing behind, whatever number of them there is")
    func freed() async throws {
        let worlds = Mutex<[Weak]>([])
        var subject = SimulationSubject.own
        subject.register = { [register = subject.register] handlers, world in
            worlds.withLock { $0.append(Weak(world: world)) }
            register(&handlers, world)
        }
        _ = try await Simulation(subject).run(seeds: 0..<10)
        #expect(worlds.withLock(\.count) >= 10)
        #expect(worlds.withLock { $0.allSatisfy { $0.world == nil } })
    }

    private struct Weak {
        weak var world: SimulatedWorld?
    }

    @Test("Half of the faults are off in most runs, and every one is on in some")
    func swarm() {
        let options = (UInt64(0)..<300).map { SimulationOptions(seed: $0) }
        #expect(options.contains { $0.crashes > 0 && $0.kills == 0 } && options.contains { $0.kills > 0 })
        #expect(options.contains { $0.trims > 0 } && options.contains { $0.poison > 0 })
        #expect(options.contains { $0.isolation == .serial } && options.contains { $0.isolation == .readCommitted })
        #expect(options.contains { $0.replicas == 1 } && options.contains { $0.replicas == 8 })
    }

    @Test("Every single call to the store and to the broker may fail")
    func everyCall() async throws {
        let calls = try await Simulation().run(.reference).calls
        let report = try await Simulation().failEveryCall(jobs: 2)
        #expect(
            report.schedules == 2 * calls.storeSteps + 3 * calls.commits + calls.logCalls + calls.publishes
                + calls.fetches + calls.answers)
        #expect(calls.commits > 10 && calls.logCalls > 5)
        #expect(calls.publishes > 4 && calls.fetches > 4 && calls.answers > 8, "\(calls)")
        #expect(report.failures.flatMap(\.violations) == [])
    }

    @Test("The reference has nothing left to do when its calls no longer fail")
    func reference() async throws {
        let timeline = try await Simulation().run(.reference, keepsTimeline: true).timeline
        let end = try #require(timeline.firstIndex { $0.contains("every fault has ended") })
        let words = ["commits  ", "receives ", "acknowledges ", "publishes ", "has appended "]
        #expect(timeline[..<end].count { line in words.contains { line.contains($0) } } > 20)
        #expect(timeline[end...].filter { line in words.contains { line.contains($0) } } == [])
    }

    @Test(
        "A call that fails shows", arguments: [Disturbance.Kind.publishAnswerLost, .fetchLost, .answerLost, .logAway])
    func callFails(kind: Disturbance.Kind) async throws {
        var plan = SimulationPlan.reference
        let plain = try await Simulation().run(plan, keepsTimeline: true)
        plan.disturbances = [Disturbance(kind, nth: 3)]
        let outcome = try await Simulation().run(plan, keepsTimeline: true)
        let signs: [Disturbance.Kind: String] = [
            .publishAnswerLost: ": no answer", .fetchLost: "never receives ", .answerLost: "is not heard",
            .logAway: ", as planned",
        ]
        let sign = try #require(signs[kind])
        let times = { (outcome: SimulationOutcome) in outcome.timeline.count { $0.contains(sign) } }
        #expect(times(outcome) == times(plain) + 1)
        #expect(outcome.violations == [])
    }

    @Test("A run that fails is made as small as it gets: one event, one replica, no fault, plain choices")
    func minimise() async throws {
        var plan = SimulationPlan(SimulationOptions(seed: 7))
        #expect(plan.events.count > 5 && plan.disturbances.count > 5)
        let foreign = SimulationPlan.Event(at: 100, aggregate: "order/9", version: 1)  // nobody has staged it
        plan.events.append(foreign)
        let failed = try await Simulation().run(plan)
        #expect(failed.violations.first?.oracle == "published-iff-committed")
        let least = try await Simulation().minimise(failed, within: .seconds(600))
        #expect(least.violations.first?.oracle == "published-iff-committed")
        #expect(least.plan.events == [foreign])
        #expect(least.plan.disturbances == [] && least.plan.staged == [] && least.plan.failing == [])
        #expect(least.plan.options.replicas == 1)
        #expect(least.plan.schedule?.positions == [])
        #expect(least.story.count < 10)
    }
}
