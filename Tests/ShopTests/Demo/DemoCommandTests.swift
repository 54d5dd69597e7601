import Foundation
import TestServers
import Testing

@testable import ShopDemo

@Suite("shop-demo", .serialized)
struct DemoCommandTests {
    @Test("ends with no wrong row in the shop, and says so in its document")
    func isRight() async throws {
        let folder = try TemporaryDirectory()
        let demo = try start(["--events", "300", "--replicas", "2", "--seed", "7", "--json"], in: folder)
        let end = try await demo.end(within: .seconds(150))
        #expect(end.status == 0, "\(end.errors)")
        let report = try JSONDecoder().decode(DemoReport.self, from: Data(end.output.utf8))
        #expect(report.problems == [])
        #expect(report.tertib.inconsistentRows == 0)
        #expect(report.tertib.rows > 60)
        #expect(report.seed == 7)
        #expect(report.replicas == 2)
        #expect(report.events.published >= 300)
        #expect(report.outcomes.applied > 0)
        #expect(report.faults.kills > 0)
        #expect(report.faults.brokerRestarts == 1)
        #expect(report.faults.duplicates > 0)
        #expect(report.baseline.mode == "last-write-wins")
        #expect(report.baseline.rows == report.tutorial.rows)
        // A duplicate is for ever a gap to the tutorials' check.
        #expect(try #require(report.tutorial.stuckEvents) > 0)
        #expect(try folder.contents() == [])
        #expect(try folder.processes() == [])
    }

    @Test("ends its processes and removes its files when it is interrupted")
    func interrupted() async throws {
        let folder = try TemporaryDirectory()
        let demo = try start(["--events", "300", "--replicas", "2"], in: folder)
        try await demo.says("load and faults")
        #expect(try folder.processes().count > 10)
        demo.interrupt()
        let end = try await demo.end(within: .seconds(30))
        #expect(end.status == 1)
        #expect(end.errors.contains("interrupted"))
        #expect(try folder.processes() == [])
        #expect(try folder.contents() == [])
    }

    @Test("says what is missing when there is no nats-server")
    func withoutBroker() async throws {
        let end = try await Tool.demo.run(environment: ["TERTIB_NATS_SERVER": "/nowhere/nats-server"])
        #expect(end.status == 2)
        #expect(end.errors.contains("/nowhere/nats-server"))
        #expect(end.errors.contains("next:"))
    }

    @Test(
        "refuses numbers that make no sense", arguments: [["--replicas", "0"], ["--events", "99"], ["--seed", "x"]])
    func refuses(arguments: [String]) async throws {
        let end = try await Tool.demo.run(arguments)
        #expect(end.status == 2)
    }

    /// Its temporary files are in a folder of the test's own.
    private func start(_ arguments: [String], in folder: TemporaryDirectory) throws -> RunningTool {
        try Tool.demo.start(arguments, environment: ["TMPDIR": folder.path])
    }
}
