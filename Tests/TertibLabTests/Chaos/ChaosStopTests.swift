import Foundation
import TestServers
import Testing

@testable import TertibLab

@Suite("Stopping the chaos", .serialized)
struct ChaosStopTests {
    @Test("Ends its processes, removes its files, and reports what it has seen", arguments: [true, false])
    func stop(byInterrupt: Bool) async throws {
        let folder = try TemporaryDirectory()
        let broker = try #require(NatsServer.binaries.first).path
        let chaos = try Tool.lab.start(
            ["chaos", "--minutes", "10", "--events", "30000", "--json", "--nats-server", broker]
                + (byInterrupt ? [] : ["--store", "postgres"]), environment: ["TMPDIR": folder.path])
        try await waitUntil("a handler to begin", within: .seconds(60)) { try hasBegun(in: folder.path) }
        #expect(!(try folder.processes()).isEmpty)
        if byInterrupt { chaos.interrupt() } else { chaos.terminate() }
        let outcome = try await chaos.end()
        #expect(outcome.status == (byInterrupt ? 130 : 143))
        let report = try JSONDecoder().decode(ChaosReport.self, from: Data(outcome.output.utf8))
        #expect(report.interrupted)
        #expect(report.events > 0)
        #expect(report.violations == [])
        #expect(try folder.contents() == [])
        #expect(try folder.processes() == [])
    }

    private func hasBegun(in folder: String) throws -> Bool {
        try FileManager.default.subpathsOfDirectory(atPath: folder).contains { path in
            guard path.contains("attempts-") else { return false }
            return FileManager.default.contents(atPath: "\(folder)/\(path)")?.isEmpty == false
        }
    }
}
