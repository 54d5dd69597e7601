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
        #expect(report.faults.kills + report.faults.killsAtAcknowledgement > 0)
        #expect(report.faults.duplicates > 0)
        #expect(report.outcomes.acknowledgementsChecked > 0)
        #expect(report.outcomes.copies >= report.faults.duplicates)
        #expect(report.faults.brokerRestarts + report.faults.brokerKills > 0)
        #expect(report.outcomes.redeliveries > 0)
        #expect(report.faults.trappedHandlers > 0)
        #expect(report.faults.outOfDescriptors > 0)
        #expect(report.faults.outOfMemory > 0)
        #expect(report.faults.forks > 0)
        #expect(report.faults.trimmedHistories == 4)
        #expect(report.outcomes.deadLettered >= report.faults.poisonedAggregates + report.faults.forks)
        #expect(report.outcomes.secondsWithPoison > 0)
        #expect(report.outcomes.hostileLogLines > 0, "else no log could have been forged")
        #expect(report.secondsToRest != nil)
        #expect(outcome.timeline.marks.count > 10)
        #expect(outcome.timeline.samples.count > 10)
        #expect(try leftovers() == before)
    }

    #if PostgreSQL
        @Test("so does one on PostgreSQL, whose server is restarted and whose commits are cut off")
        func postgres() async throws {
            let before = try leftovers()
            let report = try await Chaos(options(seconds: 10, events: 3000, store: .postgres)).run().report
            #expect(report.violations == [])
            #expect(report.events > 2000)
            #expect(report.faults.databaseRestarts > 0)
            #expect(report.faults.fullDisks > 0 || report.notRun.contains { $0.contains("full disk of the database") })
            #expect(report.outcomes.acknowledgementsChecked > 0)
            #expect(report.faults.backendKills + report.faults.connectionLimits > 0)
            #expect(report.secondsToRest != nil)
            #expect(try leftovers() == before)
        }

        @Test("in somebody's server it makes a database of its own, and drops it")
        func somebodys() async throws {
            let cluster = try await PostgresCluster.start()
            let store = ChaosOptions.Store.server(url: cluster.url(of: "postgres"))
            let report = try await Chaos(options(seconds: 3, events: 500, store: store)).run().report
            #expect(report.violations == [])
            #expect(report.events > 300)
            #expect(report.notRun.contains { $0.contains("superuser") })
            #expect(try cluster.psql("SELECT datname FROM pg_database WHERE datname LIKE 'tertib_lab%'") == "")
        }

        @Test("a server's URL keeps its settings when the database is another")
        func url() {
            #expect(
                ChaosPostgres.url("postgresql://a@b:1/c?sslmode=require", database: "d", application: "e")
                    == "postgresql://a@b:1/d?sslmode=require&application_name=e")
            #expect(ChaosPostgres.url("postgresql://b", database: "d", application: nil) == "postgresql://b/d")
            #expect(
                ChaosPostgres.url("postgresql:///c?host=/run/x", database: "d", application: nil)
                    == "postgresql:///d?host=/run/x")
        }
    #endif

    private func options(
        seconds: Int, events: Int, store: ChaosOptions.Store = .sqlite
    ) throws -> ChaosOptions {
        ChaosOptions(
            seed: 11, length: .seconds(seconds), events: events, replicas: 3, store: store,
            broker: try #require(NatsServer.binaries.first).path, program: try Tool.lab.path(),
            environment: ProcessInfo.processInfo.environment)
    }

    private func leftovers() throws -> Set<String> {
        Set(
            try FileManager.default.contentsOfDirectory(atPath: FileManager.default.temporaryDirectory.path)
                .filter { $0.hasPrefix("tertib-chaos-") })
    }
}
