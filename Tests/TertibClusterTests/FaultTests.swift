import Foundation
import TestServers
import Testing

/// Servers of a cluster fail while two ways of publishing and two replicas of a consumer are at work.
@Suite("A replicated stream under faults", .serialized)
struct FaultTests {
    /// A cluster to set up, and what befalls it in turn.
    struct Plan: Sendable, CustomStringConvertible {
        let binary: NatsServer.Binary
        var jetStream = ""
        let faults: [ClusterFault]

        var description: String {
            "\(binary)\(jetStream.isEmpty ? "" : ", \(jetStream)"): \(faults.map(\.description).joined(separator: ", "))"
        }
    }

    /// `make test` has the newest server meet the two faults that end a leader; `make test-servers` has every server
    /// meet all of them, and the newest one again with every write synced.
    static let plans: [Plan] = {
        guard let newest = NatsServer.newest else { return [] }
        guard Extent.isFull else { return [Plan(binary: newest, faults: [.leaderKilled, .allKilled])] }
        return NatsServer.binaries.map { Plan(binary: $0, faults: ClusterFault.allCases) } + [
            Plan(binary: newest, jetStream: "sync_interval: always", faults: ClusterFault.allCases)
        ]
    }()

    @Test("loses nothing that was acknowledged, and no copy goes wrong", arguments: plans)
    func faults(plan: Plan) async throws {
        let start = ContinuousClock.now
        let cluster = try await NatsCluster.start(plan.binary, jetStream: plan.jetStream)
        defer { cluster.kill() }
        let world = try await ClusterWorld(on: cluster)
        let verdict = try await world.withstand { world in
            for fault in plan.faults { try await fault.befall(world) }
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        try ServerReport.add(
            plan.binary, "faults", plan.jetStream.isEmpty ? "default settings" : plan.jetStream,
            "\(verdict.promised) events, \(verdict.violations.count) violations, \(Int(seconds)) s")
        #expect(verdict.promised > 100)
        #expect(verdict.violations.isEmpty)
    }
}
