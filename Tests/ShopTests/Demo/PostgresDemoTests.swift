import Foundation
import TertibLab
import TestServers
import Testing

@testable import ShopDemo

@Suite("The demo on PostgreSQL", .timeLimit(.minutes(3)))
struct PostgresDemoTests {
    @Test("ends with no wrong row in the shop, whose services differ in their JSON files alone")
    func isRight() async throws {
        let environment = ProcessInfo.processInfo.environment
        let program = try BuiltProgram.path("shop-catalog")
        let report = try await Demo(
            DemoOptions(
                replicas: 2, events: 200, seed: 11,
                programFolder: URL(fileURLWithPath: program).deletingLastPathComponent().path,
                broker: try Programs.broker(environment: environment), store: .postgres, environment: environment)
        ).run()
        #expect(report.problems == [])
        #expect(report.tertib.inconsistentRows == 0)
        #expect(report.tertib.rows > 40)
        #expect(report.store == .postgres)
        #expect(report.events.published >= 200)
        #expect(report.outcomes.applied > 0)
        #expect(report.faults.kills > 0)
        #expect(report.faults.brokerRestarts == 1)
        #expect(report.baseline.rows == report.tutorial.rows)
        #expect(report.baseline.rows > 0)
    }
}
