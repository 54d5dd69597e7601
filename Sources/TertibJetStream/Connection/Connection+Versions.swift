import Foundation
import Synchronization

extension Connection {
    /// The versions of the servers that can be reached, by URL. Asked once a connection, on a thread of its own.
    func serverVersions() async -> [String: ServerVersion] {
        let (number, known, discovered) = state.withLock { state in
            (state.link?.number ?? 0, state.versions, state.discoveredServers)
        }
        if let known, known.link == number { return known.versions }
        let servers = Set(options.servers + discovered)
        let limit = options.connectTimeout
        let versions = await withCheckedContinuation { continuation in
            let thread = Thread {
                var versions: [String: ServerVersion] = [:]
                for server in servers { versions[server] = ServerProbe.version(of: server, within: limit) }
                continuation.resume(returning: versions)
            }
            thread.name = "tertib-nats-probe"
            thread.start()
        }
        state.withLock { state in
            if !versions.isEmpty { state.versions = KnownVersions(link: number, versions: versions) }
        }
        return versions
    }

    /// What the servers said when this connection was made.
    struct KnownVersions: Sendable {
        let link: Int
        let versions: [String: ServerVersion]
    }
}

extension JetStreamLog {
    /// Whether an expected last sequence is enforced: always by a stream of one copy, on a replicated one only from
    /// 2.9.21 on. The connected server need not be the stream's leader, so the oldest one that answers decides; when
    /// none tells its version the answer is no.
    func enforcesExpectations(replicas: Int) async -> Bool {
        if replicas <= 1 { return true }
        guard let oldest = await connection.serverVersions().values.min() else { return false }
        return oldest >= .enforcesExpectationsOnReplicas
    }
}
