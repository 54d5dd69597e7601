import Testing
import TertibTesting

/// The real consumer and relay under seeded schedules.
@Suite("Simulation")
struct SimulationTests {
    @Test("Two runs of one seed are the same run, choice by choice", arguments: UInt64(0)..<60)
    func deterministic(seed: UInt64) async throws {
        let simulation = Simulation()
        let first = try await simulation.run(seed: seed)
        let second = try await simulation.run(seed: seed)
        #expect(first.traceHash == second.traceHash)
        #expect(first.violations.isEmpty, "\(first.violations)")
    }
}
