import Foundation
import Logging
package import TertibRuntime
#if SQLite
    import TertibSQLite
#endif
#if PostgreSQL
    import TertibPostgres
#endif

extension ServiceConfiguration {
    /// How often a database is opened that neighbours keep busy; each time waits for the store's own limit.
    private static let openingLimit = 12

    /// Opens the database, and creates or upgrades its tables.
    func openStore(_ context: RuntimeContext) async throws -> any ConsumerStore {
        for _ in 1..<Self.openingLimit {
            do {
                return try await openStoreOnce(context)
            } catch let error as StoreError where error.code == .conflict {
                context.logger.notice(
                    "the database is busy, opening it again", metadata: ["tertib.error": "\(error)"])
            }
        }
        return try await openStoreOnce(context)
    }

    private func openStoreOnce(_ context: RuntimeContext) async throws -> any ConsumerStore {
        let store = try await makeStore(context)
        do {
            try await store.migrate()
            return store
        } catch {
            await store.close()
            throw error
        }
    }

    /// The store, without a look at its tables.
    /// - Throws: ``ConfigurationError`` when this build does not have it, ``StoreError`` when it cannot be opened.
    package func makeStore(_ context: RuntimeContext) async throws -> any ConsumerStore {
        try await store.makeStore(context)
    }
}

extension StoreConfiguration {
    /// Whether this build has the store.
    package var isBuilt: Bool {
        switch self {
        case .sqlite:
            #if SQLite
                true
            #else
                false
            #endif
        case .postgres:
            #if PostgreSQL
                true
            #else
                false
            #endif
        }
    }

    /// The store, without a look at its tables.
    /// - Parameter connections: How many connections it has at most, where it has several that write.
    /// - Throws: ``ConfigurationError`` when this build does not have it, ``StoreError`` when it cannot be opened.
    package func makeStore(_ context: RuntimeContext, connections: Int? = nil) async throws -> any ConsumerStore {
        switch self {
        case .sqlite(let path):
            #if SQLite
                return try await SQLiteStore(path: path, time: context.time)
            #else
                throw Self.notBuilt("SQLite")
            #endif
        case .postgres(let url, let password):
            #if PostgreSQL
                var options = PostgresOptions(url: url.url)
                switch password {
                case nil: break
                case .file(let path): options.passwordFile = path
                case .environment(let name): options.password = PostgresPassword(try Self.secret(in: name))
                }
                if let connections { options.connections = connections }
                return try PostgresStore(options: options)
            #else
                throw Self.notBuilt("PostgreSQL")
            #endif
        }
    }

    /// What a variable of this process holds; it was there when the configuration was read.
    private static func secret(in variable: String) throws(StoreError) -> String {
        do throws(Mismatch) {
            return try EnvironmentSecret.value(of: variable, in: ProcessInfo.processInfo.environment)
        } catch {
            throw StoreError(
                .unsafeConfiguration, attempted: "read the database's password",
                reason: "$.store.password.environment \(error.problem)")
        }
    }

    private static func notBuilt(_ trait: String) -> ConfigurationError {
        ConfigurationError(
            ConfigurationProblem(
                code: .notYet, file: "configuration", line: nil, column: nil, path: "$.store.kind",
                problem: "names a database that this build does not have",
                reason: "expected a build with the package trait \(trait), found one without",
                advice: "build with the trait: --traits \(trait),CommandLine, or in a package's dependency "
                    + ".package(url: ..., traits: [\"\(trait)\"])"))
    }
}
