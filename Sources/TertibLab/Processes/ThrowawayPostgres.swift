import Foundation
import Synchronization

/// A PostgreSQL server of a run's own, on a free port of the loopback interface, with its files in the run's folder.
///
/// Nobody gets in without the password in ``passwordFile``, so it is no door for others on the machine. A crash of the
/// server loses nothing that was committed; one of the machine may.
package final class ThrowawayPostgres: Sendable {
    /// Where the password of ``user`` is; only the server's user may read it, and this one.
    package let passwordFile: String
    private let data: String
    private let process: ManagedProcess
    private let port: KnownPort
    /// Whether its end is no failure.
    private let isAllowedToEnd: Permission
    /// Only this start of the server, or a later one, can be ready.
    private let awaitedStart = Mutex(1)

    /// The role that owns the databases: no superuser, so that the server's limits hold for it.
    package static let user = "tertib"
    private static let superuser = "postgres"
    /// So many connections at once.
    private static let connections = 200

    /// Makes an empty cluster; ``run()`` starts its server, and ``waitUntilReady()`` says when it can be used.
    /// - Parameters:
    ///   - environment: where `PATH` is.
    ///   - settings: more lines for its configuration file, such as `default_transaction_isolation`.
    /// - Throws: ``LabError``, with ``LabError/isUnusable`` when PostgreSQL is not installed, or when this build cannot
    ///   speak to it.
    package static func make(
        in workspace: Workspace, environment: [String: String], settings: [String: String] = [:]
    ) async throws -> ThrowawayPostgres {
        try PostgresDatabases.requireTrait()
        let programs = try PostgresPrograms(environment: environment)
        let server = try ThrowawayPostgres(programs: programs, workspace: workspace)
        try await server.initialize(programs, workspace, settings)
        return server
    }

    private init(programs: PostgresPrograms, workspace: Workspace) throws {
        let (data, port) = (workspace.path("postgres/data"), KnownPort())
        (self.data, self.port) = (data, port)
        passwordFile = workspace.path("postgres/password")
        let command = programs.command("postgres", ["-D", data])
        var program = ManagedProcess.Program(path: command.path) { _ in
            command.arguments + ["-p", "\(port.forStart())"]
        }
        // Another program may have taken the port that was found free; once it has been ready it keeps its own.
        let permission = Permission()
        isAllowedToEnd = permission
        program.comesBack = { _ in
            if permission.isGiven.withLock({ $0 }) { return .milliseconds(200) }
            return port.isKnown ? nil : port.nextTry()
        }
        program.endsOnInterrupt = true
        process = try ManagedProcess(name: "postgres", program: program, logFile: workspace.path("postgres.log"))
    }

    /// Runs until ``end()``.
    package func run() async throws { try await process.run() }

    /// Ends it as `pg_ctl stop -m immediate` does, without a checkpoint; it comes back after a pause, on the same port.
    /// Returns whether there was something to end.
    package func crash(restartingAfter pause: Duration) -> Bool {
        let starts = process.starts
        guard process.quit(restartingAfter: pause) else { return false }
        awaitedStart.withLock { $0 = starts + 1 }
        return true
    }

    /// Whether it may end by itself, as for lack of space; then it is started again, until it stays.
    package func mayEnd(_ isAllowed: Bool) { isAllowedToEnd.isGiven.withLock { $0 = isAllowed } }

    /// Asks it to end, whoever is connected.
    package func end() { process.end() }

    /// Waits until it takes connections, again after a ``crash(restartingAfter:)``; makes ``user`` the first time.
    package func waitUntilReady() async throws {
        let number = try await listeningPort()
        guard !port.isKnown else { return }
        port.keep(number)
        let password = try String(contentsOfFile: passwordFile, encoding: .utf8).trimmingCharacters(in: .newlines)
        try await administration.run("CREATE ROLE \(Self.user) LOGIN CREATEDB PASSWORD '\(password)'")
    }

    /// Makes an empty database that ``user`` owns. The name is the caller's: nothing from outside may stand in it.
    package func createDatabase(_ name: String) async throws {
        try await administration.create(name, owner: Self.user)
    }

    /// The server, as its superuser sees it; after ``waitUntilReady()``.
    package var administration: PostgresDatabases {
        PostgresDatabases(url: url(of: "postgres", user: Self.superuser), passwordFile: passwordFile)
    }

    /// A database's URL; after ``waitUntilReady()``. The password is not in it.
    /// - Parameter port: where a proxy to the server listens.
    package func url(of database: String, port: Int? = nil) -> String { url(of: database, user: Self.user, port: port) }

    /// The value of `store` in a service's JSON file.
    /// - Parameters:
    ///   - port: where a proxy to the server listens.
    ///   - application: what the connections call themselves at the server.
    package func configuration(of database: String, port: Int? = nil, application: String? = nil) -> String {
        let url = url(of: database, port: port) + (application.map { "?application_name=\($0)" } ?? "")
        return """
            { "kind": "postgres", "url": "\(url)", "password": { "file": "\(passwordFile)" } }
            """
    }

    /// The port that it listens on; after ``waitUntilReady()``.
    package var portNumber: Int { port.number }

    private func url(of database: String, user: String, port: Int? = nil) -> String {
        "postgresql://\(user)@127.0.0.1:\(port ?? portNumber)/\(database)"
    }
}

extension ThrowawayPostgres {
    private func initialize(
        _ programs: PostgresPrograms, _ workspace: Workspace, _ settings: [String: String]
    ) async throws {
        try workspace.makeFolder("postgres")
        let folder = workspace.path("postgres")
        // The server's user may be another one, and has to come through to its own folder.
        try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: workspace.folder)
        try programs.give(folder)
        let password = (0..<4).map { _ in String(UInt64.random(in: .min ... .max), radix: 36) }.joined()
        guard
            FileManager.default.createFile(
                atPath: passwordFile, contents: Data((password + "\n").utf8), attributes: [.posixPermissions: 0o600])
        else {
            throw LabError(
                "PostgreSQL cannot run here.", why: "\(passwordFile) cannot be written.",
                advice: "See that there is space in the folder for temporary files (TMPDIR).")
        }
        try programs.give(passwordFile)
        try await programs.run(
            "initdb",
            [
                "-D", data, "-U", Self.superuser, "-E", "UTF8", "--locale=C.UTF-8", "-A", "scram-sha-256", "--pwfile",
                passwordFile, "--no-sync",
            ])
        let lines = [
            "listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "max_connections = \(Self.connections)",
            // Only a crash of the machine would lose something without it.
            "fsync = off",
        ]
        let more = settings.sorted { $0.key < $1.key }.map { "\($0.key) = '\($0.value)'" }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(data)/postgresql.conf"))
        try file.seekToEnd()
        try file.write(contentsOf: Data(((lines + more).joined(separator: "\n") + "\n").utf8))
        try file.close()
    }

    /// The port in the server's own file, once that says `ready`, and is not what an earlier start has left.
    ///
    /// Source: PostgreSQL's `miscadmin.h`, the lines of `postmaster.pid`: the fourth is the port, the eighth the state.
    private func listeningPort() async throws -> Int {
        for _ in 0..<1500 {
            // A file that is not there is one that is not there yet.
            let text = (try? String(contentsOfFile: "\(data)/postmaster.pid", encoding: .utf8)) ?? ""
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            if process.starts >= awaitedStart.withLock({ $0 }), lines.count >= 8, Int32(lines[0]) == process.id,
                lines[7].hasPrefix("ready"), let port = Int(lines[3])
            {
                return port
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw LabError(
            "PostgreSQL does not start.", why: "It did not say within 30 seconds that it is ready.",
            advice: "Run it again with --keep, and look at postgres.log.")
    }

    private final class Permission: Sendable {
        let isGiven = Mutex(false)
    }

    /// What both the process and its owner know.
    private final class KnownPort: Sendable {
        private let state = Mutex<(number: Int, isKnown: Bool, tries: Int)>((0, false, 0))

        private static let mostTries = 5

        var number: Int { state.withLock(\.number) }
        var isKnown: Bool { state.withLock(\.isKnown) }

        func keep(_ number: Int) { state.withLock { ($0.number, $0.isKnown) = (number, true) } }

        /// The known one; before there is one, another that is free.
        func forStart() -> Int {
            // Without a free port to be found the server says itself what is wrong.
            let free = (try? Socket.listening().port()) ?? 0
            return state.withLock { state in
                if !state.isKnown { state.number = free }
                return state.number
            }
        }

        /// The pause before another try; `nil` after too many.
        func nextTry() -> Duration? {
            state.withLock { state in
                state.tries += 1
                return state.tries < Self.mostTries ? .milliseconds(100) : nil
            }
        }
    }
}
