import Foundation
import TestServers
import Testing

@testable import TertibLab

@Suite("The chaos", .serialized)
struct ChaosTests {
    @Test("a short run with everything in it leaves nothing wrong, and nothing behind")
    func short() async throws {
        let before = try leftovers()
        let options = try options(seconds: 10, events: 3000)
        let outcome = try await Chaos(options).run()
        let report = outcome.report
        #expect(report.violations == [])
        #expect(report.isRight)
        #expect(report.events > 2000)
        #expect(report.faults.kills > 0)
        #expect(report.faults.duplicates > 0)
        #expect(report.outcomes.copies >= report.faults.duplicates)
        #expect(report.faults.brokerRestarts + report.faults.brokerKills > 0)
        #expect(report.outcomes.redeliveries > 0)
        #expect(report.outcomes.deadLettered == report.faults.poisonedAggregates)
        #expect(report.secondsToRest != nil)
        #expect(outcome.timeline.marks.count > 10)
        #expect(outcome.timeline.samples.count > 10)
        #expect(try leftovers() == before)
    }

    private func options(seconds: Int, events: Int) throws -> ChaosOptions {
        let program = try BuiltProgram.path("tertib")
        return ChaosOptions(
            seed: 11, length: .seconds(seconds), events: events, replicas: 3,
            broker: try #require(NatsServer.binaries.first).path, program: program)
    }

    private func leftovers() throws -> Set<String> {
        Set(
            try FileManager.default.contentsOfDirectory(atPath: FileManager.default.temporaryDirectory.path)
                .filter { $0.hasPrefix("tertib-chaos-") })
    }
}
