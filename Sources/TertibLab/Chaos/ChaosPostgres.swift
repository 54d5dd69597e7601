import Foundation
import TertibRuntime

/// The PostgreSQL database of a run: on a server of its own, or in somebody's; a link of its own for each replica, and
/// what can go wrong with it.
final class ChaosPostgres: Sendable {
    /// `nil` on somebody's server, which is neither restarted nor reached by links of one's own.
    let server: ThrowawayPostgres?
    /// The links, one a replica; `nil` on somebody's server.
    let proxy: NetworkProxy?
    /// Whether the server lets a superuser in, however few connections it may have.
    let hasLimits: Bool
    private let administration: PostgresDatabases
    private let name: String

    /// What the supervisor's own connections call themselves, so that they are spared.
    private static let supervisor = "tertib-lab"
    private static let unlimited = -1

    /// Makes a database in a server of the run's own, which runs already.
    init(on server: ThrowawayPostgres) async throws {
        self.server = server
        try await server.waitUntilReady()
        administration = server.administration
        name = Self.freshName()
        try await server.createDatabase(name)
        proxy = try NetworkProxy(to: server.portNumber, links: ChaosOptions.mostReplicas, speaking: .postgres)
        hasLimits = true
    }

    /// Makes a database in somebody's server.
    /// - Parameter url: of any database that is there; its user may make others.
    /// - Throws: ``LabError`` when the server cannot be reached, or does not allow it.
    init(at url: String) async throws {
        server = nil
        proxy = nil
        administration = PostgresDatabases(url: url)
        name = Self.freshName()
        do {
            try await administration.create(name)
            hasLimits = try await administration.run("SHOW is_superuser").first?.first != "on"
        } catch let error as LabError {
            throw error
        } catch {
            throw LabError(
                "The PostgreSQL server cannot be used.", why: "\(error)",
                advice:
                    "Name a database that exists, of a role that may create others: postgresql://USER@HOST/DATABASE",
                isUnusable: true)
        }
    }

    /// The value of `store` in a JSON file.
    /// - Parameter seat: whose link leads there; the supervisor's does not go by one.
    func configuration(of seat: Int?) -> String {
        let port = seat.flatMap { proxy?.links[$0].port }
        if let server {
            return server.configuration(of: name, port: port, application: seat == nil ? Self.supervisor : nil)
        }
        let url = Self.url(administration.url, database: name, application: seat == nil ? Self.supervisor : nil)
        return "{ \"kind\": \"postgres\", \"url\": \"\(url)\" }"
    }

    /// Ends the connections of about this share of the replicas' backends. Returns how many those were.
    func killBackends(share: Double) async throws -> Int {
        try await administration.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)' "
                + "AND application_name <> '\(Self.supervisor)' AND random() < \(share)"
        ).count
    }

    /// Lets in so few connections at once.
    func limitConnections(to count: Int) async throws {
        try await administration.run("ALTER DATABASE \(name) CONNECTION LIMIT \(count)")
    }

    /// Lets in everybody again, as soon as the server is there.
    func unlimitConnections() async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                return try await limitConnections(to: Self.unlimited)
            } catch let error as StoreError where error.isRetriable && ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Removes what is not in the run's folder.
    func close() async throws {
        proxy?.stop()
        if server == nil { try await administration.drop(name) }
    }

    private static func freshName() -> String {
        "tertib_lab_" + String(UInt64.random(in: .min ... .max), radix: 36)
    }

    /// The same URL with another database, and perhaps a name for the connections.
    static func url(_ url: String, database: String, application: String?) -> String {
        let parts = url.split(separator: "?", maxSplits: 1)
        let place = parts.first ?? ""
        let start = place.range(of: "://")?.upperBound ?? place.startIndex
        let authority = place[..<(place[start...].firstIndex(of: "/") ?? place.endIndex)]
        let settings = parts.dropFirst().map(String.init) + (application.map { ["application_name=\($0)"] } ?? [])
        let query = settings.isEmpty ? "" : "?" + settings.joined(separator: "&")
        return "\(authority)/\(database)\(query)"
    }
}
