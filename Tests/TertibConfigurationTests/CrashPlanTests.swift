import Foundation
import Synchronization
import TertibRuntime
import Testing

@testable import TertibConfiguration

@Suite("A crash plan from the environment")
struct CrashPlanTests {
    @Test("crashes when its point is reached for the N-th time, and at no other", arguments: CrashPoint.allCases)
    func crashesAtThePoint(point: CrashPoint) throws {
        let crashes = Counter()
        let plan = try CrashPlan("\(point.rawValue):3") { crashes.increment() }
        for other in CrashPoint.allCases where other != point {
            for _ in 0..<5 { try plan.reach(other) }
        }
        try plan.reach(point)
        try plan.reach(point)
        #expect(crashes.value == 0)
        try plan.reach(point)
        #expect(crashes.value == 1)
        try plan.reach(point)
        #expect(crashes.value == 1)
    }

    @Test("counts over all threads")
    func countsOverThreads() async throws {
        let crashes = Counter()
        let plan = try CrashPlan("afterCommit:1000") { crashes.increment() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    for _ in 0..<100 { try plan.reach(.afterCommit) }
                }
            }
            try await group.waitForAll()
        }
        #expect(crashes.value == 1)
    }

    @Test(
        "is refused unless it is a point and a number",
        arguments: [
            "", "afterCommit", "afterCommit:", "afterCommit:0", "afterCommit:-1", "afterCommit:+1", "afterCommit:1:2",
            ":1", "afterLunch:1", "AFTERCOMMIT:1", "afterCommit:99999999999999999999", "afterCommit: 1",
        ])
    func isRefused(text: String) throws {
        let error = try #require(
            #expect(throws: ConfigurationError.self) { try CrashPlan(text) { Issue.record("crashed") } })
        #expect(error.description.contains("TERTIB_CRASH"))
        #expect(error.description.contains("afterCommit"))
    }

    @Test("suggests the nearest point")
    func suggestsThePoint() throws {
        let error = try #require(
            #expect(throws: ConfigurationError.self) { try CrashPlan("aftercomit:1") { Issue.record("crashed") } })
        #expect(error.whatToDo == "did you mean \"afterCommit:1\"?")
    }

    @Test("ends the process with the status of a kill")
    func endsTheProcess() async throws {
        await #expect(processExitsWith: .exitCode(137)) {
            setenv(CrashPlan.environmentVariable, "afterCommit:2", 1)
            let plan = try CrashPlan.fromEnvironment()
            try plan.reach(.afterCommit)
            try plan.reach(.afterBegin)
            try plan.reach(.afterCommit)
            exit(0)
        }
    }

    @Test("is no plan when the variable is not set")
    func isNone() async throws {
        await #expect(processExitsWith: .success) {
            unsetenv(CrashPlan.environmentVariable)
            let plan = try CrashPlan.fromEnvironment()
            for point in CrashPoint.allCases { try plan.reach(point) }
        }
    }
}

/// Counts calls from any thread.
private final class Counter: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .relaxed) }

    func increment() { count.wrappingAdd(1, ordering: .relaxed) }
}
