import Foundation
import TertibTesting
import Testing

/// Runs that failed once, made smaller: each of them holds for ever.
@Suite("Regressions")
struct RegressionTests {
    static let files: [URL] = {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Regressions")
        let found = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return found.filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
    }()

    @Test("there are some")
    func found() {
        #expect(!Self.files.isEmpty)
    }

    @Test("No oracle objects any more", arguments: files)
    func holds(file: URL) async throws {
        let plan = try SimulationPlan(json: Array(try Data(contentsOf: file)))
        let outcome = try await Simulation().run(plan, keepsTimeline: true)
        #expect(outcome.violations == [], "\(outcome.story.joined(separator: "\n"))")
        var drawn = plan
        drawn.schedule = nil
        drawn.broker = nil
        #expect(try await Simulation().run(drawn).violations == [], "under its seed's own choices")
    }
}
