#if PostgreSQL
    import TertibPostgres
#endif

/// A PostgreSQL server as somebody sees it who makes databases of their own in it, and removes them again.
package struct PostgresDatabases: Sendable {
    /// The URL of the database that one connects to for making others.
    let url: String
    /// Where the password is; without one libpq finds it where it always does, or none is needed.
    let passwordFile: String?

    /// - Parameter url: `postgresql://USER@HOST:PORT/DATABASE`, of any database that exists.
    package init(url: String, passwordFile: String? = nil) {
        self.url = url
        self.passwordFile = passwordFile
    }

    /// Refuses when this build has no libpq.
    package static func requireTrait() throws(LabError) {
        #if !PostgreSQL
            throw LabError(
                "PostgreSQL cannot be used.", why: "This build of tertib is without the package trait PostgreSQL.",
                advice:
                    "Build it with the trait: swift build --traits PostgreSQL,SQLite,CommandLine (needs libpq-dev).",
                isUnusable: true)
        #endif
    }

    /// Makes an empty database. Names are the caller's: nothing from outside may stand in them.
    /// - Parameter owner: whom it belongs to, when that is somebody else than the URL's user.
    package func create(_ name: String, owner: String? = nil) async throws {
        let owner = owner.map { " OWNER \($0)" } ?? ""
        // The template is the one without anything of this server's own, so that the encoding can be named.
        try await run("CREATE DATABASE \(name)\(owner) TEMPLATE template0 ENCODING 'UTF8'")
    }

    /// Removes a database, with whoever is connected to it.
    package func drop(_ name: String) async throws {
        var tries = 0
        while true {
            tries += 1
            try await run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)'")
            do {
                try await run("DROP DATABASE IF EXISTS \(name)")
                return
            } catch  where tries < Self.mostTries {
                // Who was told to go may be there still.
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Runs one statement, outside of a transaction, on a connection of its own. Returns its rows.
    /// - Throws: `StoreError`, or ``LabError`` when this build has no libpq.
    @discardableResult
    package func run(_ statement: String) async throws -> [[String?]] {
        try Self.requireTrait()
        #if PostgreSQL
            let server = try await PostgresAdministration.connect(
                PostgresOptions(url: url, passwordFile: passwordFile))
            do {
                let rows = try await server.run(statement)
                await server.close()
                return rows
            } catch {
                await server.close()
                throw error
            }
        #else
            return []
        #endif
    }

    private static let mostTries = 20
}
