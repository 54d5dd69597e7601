import Foundation
import Glibc
import Synchronization

/// A PostgreSQL server of a test's own: its own data, its own socket and port, stopped by its process id.
///
/// It runs as the user `postgres` when the tests run as root, for it refuses to be root. It ends when it is stopped,
/// when the last reference goes, and when the test process ends, whatever ended that; then its folder goes, too.
public final class PostgresCluster: Sendable {
    private struct State {
        var process: ChildProcess?
        var watchdog: Watchdog?
    }

    /// Its port on 127.0.0.1, the same after each restart.
    public let port: Int
    private let directory: TemporaryDirectory
    private let binaries: String
    private let state = Mutex(State())
    private let databases = Mutex(0)

    /// Its folder, with the socket.
    public var folder: String { directory.path }

    /// The end of the server's log, for the message of a failing test.
    public var log: String {
        (try? String(contentsOfFile: logFile, encoding: .utf8)).map { String($0.suffix(4000)) } ?? ""
    }

    private var data: String { "\(directory.path)/data" }
    private var logFile: String { "\(directory.path)/server.log" }

    private init(port: Int, directory: TemporaryDirectory, binaries: String) {
        self.port = port
        self.directory = directory
        self.binaries = binaries
    }

    deinit { end(SIGQUIT) }

    /// Makes a cluster and starts it.
    /// - Parameters:
    ///   - settings: more lines for its configuration file.
    ///   - certificates: what it speaks TLS with; without them it does not.
    ///   - access: the lines of its `pg_hba.conf`; by default everybody is trusted.
    public static func start(
        settings: [String: String] = [:], certificates: TestCertificates? = nil, access: String? = nil
    ) async throws -> PostgresCluster {
        var last: any Error = TestServerError("PostgreSQL was not started")
        // The port that was found free may be taken in the meantime.
        for _ in 0..<3 {
            let cluster = PostgresCluster(
                port: try NatsServer.freePort(), directory: try TemporaryDirectory(), binaries: try findBinaries())
            try cluster.initialize(settings: settings, certificates: certificates, access: access)
            do {
                try await cluster.restart()
                return cluster
            } catch {
                last = error
            }
        }
        throw last
    }

    /// Makes an empty database.
    /// - Returns: its name.
    public func createDatabase(settings: [String: String] = [:]) throws -> String {
        let number = databases.withLock { number in
            number += 1
            return number
        }
        let name = "test_\(number)"
        try psql("CREATE DATABASE \(name)")
        for (key, value) in settings { try psql("ALTER DATABASE \(name) SET \(key) = '\(value)'") }
        return name
    }

    /// A database's URL, by the socket; or by TCP at `port`.
    public func url(of database: String, user: String = "postgres", port: Int? = nil) -> String {
        guard let port else {
            return "postgresql://\(user)@/\(database)?host=\(directory.path)&port=\(self.port)"
        }
        return "postgresql://\(user)@127.0.0.1:\(port)/\(database)"
    }

    /// Runs statements as the superuser, each in a transaction of its own, with the command line client.
    /// - Returns: what it prints: a line a row, fields parted by `|`.
    @discardableResult
    public func psql(_ statements: String..., database: String = "postgres") throws -> String {
        let output = "\(directory.path)/psql-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: output) }  // it goes with the folder at the latest
        let arguments =
            ["\(binaries)/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", directory.path, "-p", "\(port)"]
            + ["-U", "postgres", "-d", database] + statements.flatMap { ["-c", $0] }
        let status = try ChildProcess(arguments, output: output).waitForEnd()
        let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
        guard status == 0 else { throw TestServerError("psql failed: \(text)") }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Starts the server again after ``kill()`` or ``stop()``, on the same data, and waits until it answers.
    public func restart() async throws {
        kill()
        let process = try ChildProcess(
            Self.asServer + ["\(binaries)/postgres", "-D", data], output: logFile)
        // An immediate shutdown takes the server's own children along, and its shared memory.
        let watchdog = try Watchdog(
            of: process.id,
            command: "kill -QUIT \(process.id); while kill -0 \(process.id) 2>/dev/null; do sleep 0.05; done; "
                + "rm -rf '\(directory.path)'")
        state.withLock { state in
            state.process = process
            state.watchdog = watchdog
        }
        try await waitUntil("PostgreSQL to answer on its socket in \(directory.path)") {
            guard process.isRunning else { throw TestServerError("PostgreSQL ended: \(self.log)") }
            return (try? self.psql("SELECT 1")) == "1"
        }
    }

    /// Ends the server at once, without a checkpoint, as `pg_ctl stop -m immediate` does: the next start recovers.
    public func kill() { end(SIGQUIT) }

    /// Ends the server in order, and waits for it; its clients are thrown out.
    public func stop() { end(SIGINT) }

    private func end(_ number: Int32) {
        let (process, watchdog) = state.withLock { state in
            defer { state = State() }
            return (state.process, state.watchdog)
        }
        process?.signal(number)
        process?.waitForEnd()
        watchdog?.dismiss()
    }
}

extension PostgresCluster {
    private func initialize(
        settings: [String: String], certificates: TestCertificates?, access: String?
    ) throws {
        try giveToServer(directory.path)
        let initialization = try ChildProcess(
            Self.asServer + [
                "\(binaries)/initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust",
                "--no-sync",
            ], output: logFile)
        guard initialization.waitForEnd() == 0 else { throw TestServerError("initdb failed: \(log)") }
        var lines = [
            "listen_addresses = '127.0.0.1'", "port = \(port)", "unix_socket_directories = '\(directory.path)'",
            "max_connections = 400",
            // A crash of the server loses nothing without it, only one of the machine.
            "fsync = off",
        ]
        if let certificates {
            for (name, file) in [("server.crt", certificates.server), ("server.key", certificates.serverKey)] {
                try FileManager.default.copyItem(atPath: file, toPath: "\(data)/\(name)")
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: "\(data)/\(name)")
                try giveToServer("\(data)/\(name)")
            }
            lines.append("ssl = on")
        }
        lines += settings.map { "\($0) = '\($1)'" }
        try append(lines.joined(separator: "\n") + "\n", to: "\(data)/postgresql.conf")
        if let access { try Data(access.utf8).write(to: URL(fileURLWithPath: "\(data)/pg_hba.conf")) }
    }

    private func append(_ text: String, to file: String) throws {
        guard let handle = FileHandle(forWritingAtPath: file) else { throw TestServerError("cannot open \(file)") }
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }

    private func giveToServer(_ path: String) throws {
        guard geteuid() == 0 else { return }
        guard let user = getpwnam("postgres"), chown(path, user.pointee.pw_uid, user.pointee.pw_gid) == 0 else {
            throw TestServerError("cannot give \(path) to the user postgres")
        }
    }

    /// How to become the server's user. Unlike `runuser`, it replaces itself, so that the process is the server's.
    private static var asServer: [String] {
        geteuid() == 0 ? ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] : []
    }

    /// Debian keeps the server's programs out of the path, a folder a version; the newest is taken.
    private static func findBinaries() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let folders = versions.sorted { $0.compare($1, options: .numeric) == .orderedDescending }
            .map { "\(root)/\($0)/bin" }
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        guard
            let found = (folders + path).first(where: {
                FileManager.default.isExecutableFile(atPath: "\($0)/initdb")
                    && FileManager.default.isExecutableFile(atPath: "\($0)/psql")
            })
        else { throw TestServerError("no PostgreSQL was found: install the package postgresql") }
        return found
    }
}
