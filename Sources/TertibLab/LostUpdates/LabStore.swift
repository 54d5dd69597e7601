import Logging
import TertibRuntime
import TertibConfiguration

/// A database that the laboratory works on.
public struct LabStore: Hashable, Sendable {
    /// A kind of database.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A file.
        case sqlite = "SQLite"
        /// A server.
        case postgres = "PostgreSQL"
    }

    /// What it is called in reports: what it was asked for by.
    public let name: String
    let configuration: StoreConfiguration

    /// The kind.
    public var kind: Kind {
        switch configuration {
        case .sqlite: .sqlite
        case .postgres: .postgres
        }
    }

    /// Reads `sqlite:PATH` or `postgresql://USER@HOST:PORT/DATABASE`.
    /// - Parameters:
    ///   - passwordFile: where a server's password is; without one libpq looks where it always does.
    ///   - name: what reports call it; by default as it is written here.
    ///   - built: what this build has, when a test says so.
    /// - Throws: ``LabError``, with ``LabError/isUnusable``.
    public init(
        _ address: String, passwordFile: String? = nil, name: String? = nil, built: Set<Kind>? = nil
    ) throws(LabError) {
        do {
            configuration = try StoreConfiguration(address: address).with(passwordFile: passwordFile)
        } catch {
            // What was written is not repeated: it may hold a password.
            throw LabError(
                "The store cannot be used.", why: "What --store says \(error.problem).", advice: error.advice,
                isUnusable: true)
        }
        self.name = name ?? address
        guard built?.contains(kind) ?? configuration.isBuilt else {
            throw LabError(
                "The store cannot be used.", why: "This build of tertib is without \(kind.rawValue).",
                advice:
                    "Build it with all traits: swift build --traits SQLite,PostgreSQL,CommandLine (needs libpq-dev).",
                isUnusable: true)
        }
    }

    /// The file, if it is one.
    var file: String? {
        guard case .sqlite(let path) = configuration else { return nil }
        return path
    }

    /// Opens it.
    /// - Parameter connections: How many at most, on a server.
    func open(connections: Int = 1) async throws -> any ConsumerStore {
        try await configuration.makeStore(
            // What goes wrong is thrown; nobody reads a log.
            RuntimeContext(logger: Logger(label: "tertib-lab") { _ in SwiftLogNoOpLogHandler() }),
            connections: connections)
    }
}

extension StoreConfiguration {
    fileprivate func with(passwordFile: String?) -> StoreConfiguration {
        guard let passwordFile, case .postgres(let url, _) = self else { return self }
        return .postgres(url: url, password: .file(passwordFile))
    }
}
