import TestServers

/// What befalls a cluster while events are published and consumed.
enum ClusterFault: String, CaseIterable, Sendable, CustomStringConvertible {
    /// The stream's leader is killed, and started again when events flow without it.
    case leaderKilled
    /// A server that does not lead the stream hangs, and goes on when events have flowed without it.
    case followerPaused
    /// All servers are restarted in order, one after the other.
    case restartedInTurn
    /// All servers are killed at once, and started again.
    case allKilled

    var description: String {
        switch self {
        case .leaderKilled: "the leader is killed"
        case .followerPaused: "a follower hangs"
        case .restartedInTurn: "all are restarted, one after the other"
        case .allKilled: "all are killed at once"
        }
    }

    /// Does it, and waits after each step until events flow and the copies are whole again.
    func befall(_ world: ClusterWorld) async throws {
        let cluster = world.cluster
        switch self {
        case .leaderKilled:
            let leader = try await cluster.leader(of: ClusterService.stream)
            leader.kill()
            try await world.progress("without the leader")
            try await leader.restart()
        case .followerPaused:
            let leader = try await cluster.leader(of: ClusterService.stream)
            guard let follower = cluster.servers.last(where: { $0 !== leader }) else { return }
            try await follower.pause()
            try await world.progress("while a follower hangs")
            follower.resume()
        case .restartedInTurn:
            for server in cluster.servers {
                server.stop()
                try await server.restart()
                try await cluster.waitUntilCurrent(ClusterService.stream)
                try await world.progress("after the restart of one server")
            }
        case .allKilled:
            cluster.kill()
            try await cluster.restart()
        }
        try await cluster.waitUntilCurrent(ClusterService.stream)
        try await world.progress("when all servers are back")
    }
}
