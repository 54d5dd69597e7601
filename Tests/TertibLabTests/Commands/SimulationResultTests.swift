import Foundation
import TertibCore
import TertibTerminal
import TertibTesting
import Testing

@testable import TertibLab

@Suite("What a simulation says")
struct SimulationResultTests {
    private let terminal = Terminal.none

    private func result(rare: Int) -> SimulationResult {
        SimulationResult(
            engine: .runtime, schedules: 2000, schedulesPerSecond: 812.34, steps: 9, simulated: .seconds(3), failed: 0,
            failures: [], unequal: [.max], branches: [("held", 1), ("fork", 5)], rare: rare)
    }

    @Test("a branch that was reached too rarely is named, and the runs are not right")
    func missing() {
        var result = result(rare: 2)
        result.unequal = []
        #expect(!result.isRight)
        let said = result.verdict(for: terminal).joined()
        #expect(said.contains("fewer than 2 times"))
        #expect(said.contains("held (1). Run more seeds, or say with --rare how often is enough."))
        result = self.result(rare: 1)
        result.unequal = []
        #expect(result.isRight)
        #expect(result.verdict(for: terminal) == ["No oracle objected."])
    }

    @Test("what is said behind traces has nothing in it that varies; seeds are printed as they are")
    func verdict() {
        let result = result(rare: 0)
        #expect(result.lines(for: terminal).joined().contains("812/s"))
        #expect(!result.verdict(for: terminal).joined().contains("812"))
        #expect(result.document.line.contains("\"unequal\":[18446744073709551615]"))
        #expect(result.document.line.contains("\"replay\":null,\"runs\":[]"))
    }

    @Test("a run of which one call failed is named by the call")
    func call() throws {
        let json = Data(#"{"kind":"unknownCommitted","nth":12}"#.utf8)
        let call = try JSONDecoder().decode(Disturbance.self, from: json)
        let run = SimulatedRun(seed: 1, call: call, trace: "a", steps: 2, violations: ["x"])
        #expect(run.title == "commit 12 happens, and its caller does not learn it")
        #expect(run.document.line.contains(#""call":{"kind":"unknownCommitted","nth":12}"#))
    }
}
