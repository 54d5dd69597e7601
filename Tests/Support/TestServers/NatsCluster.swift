import Foundation
import Glibc

/// Three nats-servers on loopback that know each other, each with its own folder and ports, stopped by process id.
public final class NatsCluster: Sendable {
    /// The servers, in the order of their ports in ``urls``.
    public let servers: [NatsServer]

    /// Where a client finds them.
    public var urls: [String] { servers.map(\.url) }

    private init(servers: [NatsServer]) {
        self.servers = servers
    }

    deinit { kill() }

    /// Starts three servers and waits until they have a leader among them, which can take an election or two.
    /// - Parameter jetStream: more members of each server's `jetstream` block, such as `sync_interval: always`.
    public static func start(_ binary: NatsServer.Binary, jetStream: String = "") async throws -> NatsCluster {
        var last: any Error = TestServerError("the cluster was not started")
        // A port that was found free may be taken in the meantime.
        for _ in 0..<3 {
            let cluster = try prepared(binary, jetStream)
            do {
                for server in cluster.servers { try await server.restart() }
                try await waitUntil("the cluster to have a leader", within: .seconds(60)) {
                    cluster.servers.allSatisfy { cluster.knowsTheOthers($0) }
                }
                return cluster
            } catch {
                last = error
                cluster.kill()
            }
        }
        throw last
    }

    private static func prepared(_ binary: NatsServer.Binary, _ jetStream: String) throws -> NatsCluster {
        var ports: Set<Int> = []
        while ports.count < 6 { ports.insert(try NatsServer.lastingPort()) }
        let (clients, routes) = (Array(ports)[..<3], Array(ports)[3...])
        let addresses = routes.map { "\"nats://127.0.0.1:\($0)\"" }.joined(separator: ", ")
        let servers = try zip(clients, routes).map { port, route in
            try NatsServer(
                binary, port: port,
                configuration: "cluster { name: test, listen: \"127.0.0.1:\(route)\", routes: [\(addresses)] }\n",
                jetStream: jetStream)
        }
        return NatsCluster(servers: servers)
    }

    /// Ends all servers at once, as a power cut does, but for what the system has not written yet (SIGKILL).
    public func kill() {
        servers.forEach { $0.kill() }
    }

    /// Starts all servers again, and waits until each of them answers. Elections are still to come.
    public func restart() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in servers { group.addTask { try await server.restart() } }
            try await group.waitForAll()
        }
    }

    /// The server that leads a stream; waits for an election.
    /// - Parameter other: a server that is asked for nothing, because it is away.
    public func leader(of stream: String, without other: NatsServer? = nil) async throws -> NatsServer {
        let asked = servers.filter { $0 !== other }
        var found: NatsServer?
        try await waitUntil("a leader of the stream \(stream)", within: .seconds(60)) {
            for server in asked {
                guard let name = Self.status(of: stream, at: server)?.leader else { continue }
                found = asked.first { NatsServer.name(port: $0.port) == name }
                if found != nil { return true }
            }
            return false
        }
        guard let found else { throw TestServerError("the stream \(stream) has no leader") }
        return found
    }

    /// Waits until every copy of a stream takes part again, and is at its leader's state or as good as there: under load
    /// there is always something on its way.
    public func waitUntilCurrent(_ stream: String) async throws {
        var last = "no leader"
        do {
            try await waitUntil("every copy of the stream \(stream) to be current", within: .seconds(60)) {
                let statuses = servers.compactMap { Self.status(of: stream, at: $0) }
                guard let status = statuses.first(where: { $0.leader?.isEmpty == false }) else { return false }
                last = "\(status)"
                let followers = status.replicas ?? []
                return followers.count == servers.count - 1 && followers.allSatisfy(\.isHealthy)
            }
        } catch let error as TestServerError {
            throw TestServerError("\(error): \(last)")
        }
    }

    /// Whether this server has met a quorum: the account's information needs the leader of the whole cluster.
    private func knowsTheOthers(_ server: NatsServer) -> Bool {
        guard let client = try? RawNatsClient(port: server.port),
            client.greeting.contains("\"cluster\""),
            let answer = try? client.request("$JS.API.INFO", within: .seconds(1))
        else { return false }
        return answer.contains("\"api\"") && !answer.contains("\"error\"")
    }

    private struct Status: Decodable {
        struct Replica: Decodable {
            let current: Bool
            let offline: Bool?
            let lag: Int?

            var isHealthy: Bool { offline != true && (current || lag ?? 0 < 1000) }
        }
        let leader: String?
        let replicas: [Replica]?
    }

    private struct Answer: Decodable {
        let cluster: Status?
    }

    /// What the leader of the stream says about its copies, if there is a leader.
    private static func status(of stream: String, at server: NatsServer) -> Status? {
        // Whoever is away or has no leader says nothing, and is asked again.
        guard let client = try? RawNatsClient(port: server.port),
            let text = try? client.request("$JS.API.STREAM.INFO.\(stream)", within: .seconds(1))
        else { return nil }
        return (try? JSONDecoder().decode(Answer.self, from: Data(text.utf8)))?.cluster
    }
}

extension NatsServer {
    /// A free port that the system gives to no outgoing connection, so that it is still free when a server that was
    /// killed starts again, however many clients look for it meanwhile.
    static func lastingPort() throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 12_000..<32_000)
            if isFree(port) { return port }
        }
        throw TestServerError("no free port below 32000")
    }
}
