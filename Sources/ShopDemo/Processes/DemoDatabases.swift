import TertibLab

/// The databases of one run: one for each service, and for each wrong way.
struct DemoDatabases: Sendable {
    /// Where they are, when they are no files.
    private let server: ThrowawayPostgres?

    /// Connections of one process, at most: those of its pool, and a few to spare.
    private static let connections = 12

    /// Makes the server that they are on, where they are not files; it does not run yet.
    /// - Throws: ``LabError`` when there is no PostgreSQL.
    init(_ options: DemoOptions, in workspace: Workspace) async throws {
        switch options.store {
        case .sqlite:
            server = nil
        case .postgres:
            let processes = Role.allCases.count * (options.replicas + 1)
            do {
                server = try await ThrowawayPostgres.make(
                    in: workspace, environment: options.environment,
                    settings: [
                        "max_connections": "\(processes * Self.connections)",
                        // Orders reserve products in the order of the events, so that replicas of the catalog lock each
                        // other out in a circle now and then. One of them is given up then, and tries again; the server
                        // looks for it after a second by default.
                        "deadlock_timeout": "50ms",
                    ])
            } catch let error as LabError where error.isUnusable {
                throw LabError(
                    error.what, why: error.why,
                    advice:
                        "Install it with `apt-get install postgresql`, or leave out --store: a file needs no server.",
                    isUnusable: true)
            }
        }
    }

    /// Runs the server until ``end()``.
    func run() async throws { try await server?.run() }

    /// Waits for the server, and makes the databases.
    func create() async throws {
        guard let server else { return }
        try await server.waitUntilReady()
        for role in Role.allCases { try await server.createDatabase(Self.name(of: role)) }
    }

    /// The value of `store` in a service's JSON file.
    func configuration(of role: Role) -> String {
        server?.configuration(of: Self.name(of: role)) ?? Self.file(of: role)
    }

    /// The value of `store` for a file of its own.
    static func file(of role: Role) -> String { #"{ "kind": "sqlite", "path": "\#(role.rawValue).sqlite" }"# }

    /// Asks the server to end.
    func end() { server?.end() }

    /// A name that needs no quotes.
    private static func name(of role: Role) -> String { role.rawValue.replacing("-", with: "_") }
}
