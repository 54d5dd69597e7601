import Foundation
import TertibTesting
import ShopService
import Synchronization
import TestServers
import Testing

@testable import TertibLab

@Suite("Deaths at crash points", .serialized)
struct CrashRoundTests {
    private func options(_ rounds: Int, _ stores: [ChaosOptions.Store]) throws -> CrashRounds.Options {
        CrashRounds.Options(
            rounds: rounds, seed: 5, stores: stores, broker: try #require(NatsServer.binaries.first).path,
            program: try Tool.lab.path(), environment: ProcessInfo.processInfo.environment)
    }

    @Test("are at every point on both databases first, and then again at later passings")
    func deaths() throws {
        let deaths = CrashRounds.deaths(try options(40, [.sqlite, .postgres]))
        let first = deaths.prefix(28)
        #expect(deaths.map(\.number) == Array(1...40))
        for store in [ChaosOptions.Store.sqlite, .postgres] {
            #expect(first.filter { $0.store == store }.map(\.site) == CrashSite.named.map(\.value))
        }
        #expect(first.allSatisfy { $0.count == 1 })
        #expect(deaths.dropFirst(28).allSatisfy { $0.count > 1 })
    }

    @Test("leave nothing wrong: four of them, and nothing behind")
    func rounds() async throws {
        let before = try leftovers()
        let report = try await CrashRounds(try options(4, [.sqlite])).run()
        #expect(report.isRight, "\(report.rounds)")
        #expect(report.rounds.map(\.point) == ["afterFetch", "afterBegin", "afterClaim", "afterHandler"])
        #expect(report.rounds.allSatisfy { $0.events >= 80 })
        #expect(try leftovers() == before)
    }

    @Test("that do not happen are no success")
    func notReached() async throws {
        let server = try await NatsServer.start()
        let workspace = try Workspace(purpose: "tertib-test")
        let round = try await CrashRound(
            death: CrashRounds.Death(number: 1, store: .sqlite, site: CrashSite(.next, .after), count: 1_000_000),
            seed: 1,
            program: try Tool.lab.path(), workspace: workspace, brokerPort: server.port, server: nil,
            patience: .milliseconds(500)
        ).run()
        #expect(!round.reached)
        #expect(!round.isRight)
        try workspace.remove()
    }

    @Test("A planned death kills at the n-th time that its site is reached, and at no other", arguments: CrashSite.all)
    func plannedDeath(site: CrashSite) throws {
        let kills = Mutex(0)
        let death = try PlannedDeath("\(site):3") { kills.withLock { $0 += 1 } }
        for other in CrashSite.all where other != site && other.call != site.call {
            for _ in 0..<5 { #expect(death.isAlive(at: other)) }
        }
        for time in 1...5 {
            _ = death.isAlive(at: site)
            #expect(kills.withLock { $0 } == (time < 3 ? 0 : 1))
        }
    }

    @Test(
        "A planned death that cannot be read is refused",
        arguments: [
            "", ":", "afterCommit", "afterCommit:", "afterCommit:0", "afterCommit:-1", "afterCommit:x", "aftercomit:1",
            "afterCommit:1:2", "claim.halfway:1", "claim:1",
        ])
    func unreadable(text: String) {
        #expect(throws: ServiceArguments.Unusable.self) { try PlannedDeath(text) }
    }

    private func leftovers() throws -> Set<String> {
        Set(
            try FileManager.default.contentsOfDirectory(atPath: FileManager.default.temporaryDirectory.path)
                .filter { $0.hasPrefix("tertib-crashes-") })
    }
}
