import Foundation
import Synchronization
import TestServers
import Testing

@testable import TertibLab

@Suite("Stopping the chaos", .serialized)
struct ChaosStopTests {
    @Test("ends its processes, removes its files, and reports what it has seen", arguments: [true, false])
    func stop(byInterrupt: Bool) async throws {
        let folder = try TemporaryDirectory()
        let temporary = "\(folder.path)/temporary"
        try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
        let broker = try #require(NatsServer.binaries.first).path
        var program = ManagedProcess.Program(path: try BuiltProgram.path("tertib")) { _ in
            ["lab", "chaos", "--minutes", "10", "--events", "30000", "--json", "--nats-server", broker]
                + (byInterrupt ? [] : ["--store", "postgres"])
        }
        program.environment = { _ in ["TMPDIR": temporary] }
        program.endsOnInterrupt = byInterrupt
        let said = Mutex("")
        let chaos = try ManagedProcess(
            name: "chaos", program: program, logFile: "\(folder.path)/log",
            hear: { line, _ in said.withLock { $0 += line } })
        async let ended: Void = chaos.run()
        try await waitUntil("a handler to begin", within: .seconds(60)) { try hasBegun(in: temporary) }
        #expect(!(try processes(in: temporary)).isEmpty)
        chaos.end()
        try await ended
        #expect(chaos.badEnds == ["chaos: exited(\(byInterrupt ? 130 : 143))"])
        let report = try JSONDecoder().decode(ChaosReport.self, from: Data(said.withLock { $0 }.utf8))
        #expect(report.interrupted)
        #expect(report.events > 0)
        #expect(report.violations == [])
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary) == [])
        #expect(try processes(in: temporary) == [])
    }

    private func hasBegun(in folder: String) throws -> Bool {
        try FileManager.default.subpathsOfDirectory(atPath: folder).contains { path in
            guard path.contains("attempts-") else { return false }
            return FileManager.default.contents(atPath: "\(folder)/\(path)")?.isEmpty == false
        }
    }

    /// The processes whose arguments name the folder.
    private func processes(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.compactMap { id in
            let words = FileManager.default.contents(atPath: "/proc/\(id)/cmdline") ?? Data()
            let text = String(decoding: words, as: UTF8.self)
            return text.contains(folder) ? text : nil
        }
    }
}
