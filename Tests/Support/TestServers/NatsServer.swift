import Foundation
import Glibc
import Synchronization

/// A nats-server of a test's own: its own port, its own folder, stopped by its process id.
///
/// It ends when it is stopped, when the last reference goes, and when the test process ends, whatever ended that.
public final class NatsServer: Sendable {
    /// A nats-server to run.
    public struct Binary: Hashable, Sendable, CustomStringConvertible {
        /// Where it is.
        public let path: String
        /// What `--version` says: `2.9.10`.
        public let version: String

        /// For the names of parameterised tests.
        public var description: String { "nats-server \(version)" }
    }

    private struct State {
        var process: ChildProcess?
        var watchdog: Watchdog?
    }

    /// Which server runs.
    public let binary: Binary
    /// Its port on 127.0.0.1, the same after each restart.
    public let port: Int
    /// Its folder: configuration, store and log.
    public let directory: TemporaryDirectory
    private let state = Mutex(State())

    /// `nats://127.0.0.1:<port>`.
    public var url: String { "nats://127.0.0.1:\(port)" }

    private var logFile: String { "\(directory.path)/server.log" }

    /// The end of the server's log, for the message of a failing test.
    public var log: String {
        (try? String(contentsOfFile: logFile, encoding: .utf8)).map { String($0.suffix(4000)) } ?? ""
    }

    /// A server that has its folder and its configuration, and does not run yet.
    init(
        _ binary: Binary, port: Int, configuration: String = "", jetStream: String? = ""
    ) throws {
        self.binary = binary
        self.port = port
        directory = try TemporaryDirectory()
        var text = "listen: \"127.0.0.1:\(port)\"\nserver_name: \"\(Self.name(port: port))\"\n"
        if let jetStream { text += "jetstream { store_dir: \"\(directory.path)/store\"\n\(jetStream)\n}\n" }
        try Data((text + configuration).utf8).write(to: URL(fileURLWithPath: "\(directory.path)/server.conf"))
    }

    /// The name under which a server on this port is known in its cluster.
    static func name(port: Int) -> String { "test_\(port)" }

    deinit { kill() }

    /// Starts a server and waits until it answers.
    /// - Parameters:
    ///   - configuration: more lines for its configuration file: accounts, TLS, limits.
    ///   - jetStream: the members of the `jetstream` block besides the store's folder; `nil` for none.
    public static func start(
        _ binary: Binary? = nil, configuration: String = "", jetStream: String? = ""
    ) async throws -> NatsServer {
        guard let binary = binary ?? binaries.first else { throw TestServerError("no nats-server was found") }
        var last: any Error = TestServerError("the server was not started")
        // The port that was found free may be taken in the meantime.
        for _ in 0..<5 {
            let server = try NatsServer(
                binary, port: try freePort(), configuration: configuration, jetStream: jetStream)
            do {
                try await server.restart()
                return server
            } catch {
                last = error
            }
        }
        throw last
    }

    /// Starts the server again after ``kill()`` or ``stop()``, on the same port and store, and waits until it answers.
    public func restart() async throws {
        kill()
        let process = try ChildProcess(
            [binary.path, "-c", "\(directory.path)/server.conf"], output: logFile)
        let watchdog = try Watchdog(of: process.id)
        state.withLock { state in
            state.process = process
            state.watchdog = watchdog
        }
        try await waitUntil("nats-server to answer on \(url)") {
            guard process.isRunning else { throw TestServerError("nats-server ended: \(self.log)") }
            return Self.greets(port: self.port)
        }
    }

    /// Ends the server at once, as a crash does (SIGKILL).
    public func kill() { end(SIGKILL) }

    /// Ends the server in order (SIGTERM), and waits for it.
    public func stop() { end(SIGTERM) }

    /// Holds the server (SIGSTOP), and waits until it is held: its connections stay open, and nothing answers.
    public func pause() async throws {
        signal(SIGSTOP)
        guard let id = state.withLock({ $0.process?.id }) else { throw TestServerError("the server does not run") }
        try await waitUntil("every thread of the server to stop") {
            let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/task")
            return threads.allSatisfy { thread in
                let stat = (try? String(contentsOfFile: "/proc/\(id)/task/\(thread)/stat", encoding: .utf8)) ?? ""
                return stat.contains(") T ")
            }
        }
    }

    /// Lets a held server go on (SIGCONT).
    public func resume() { signal(SIGCONT) }

    private func signal(_ number: Int32) {
        state.withLock { $0.process?.signal(number) }
    }

    private func end(_ number: Int32) {
        let (process, watchdog) = state.withLock { state in
            defer { state = State() }
            return (state.process, state.watchdog)
        }
        process?.signal(number)
        process?.signal(SIGCONT)
        process?.waitForEnd()
        watchdog?.dismiss()
    }

    static func freePort() throws -> Int {
        guard let port = bound(to: 0) else { throw TestServerError("no free port: errno \(errno)") }
        return port
    }

    static func isFree(_ port: Int) -> Bool { bound(to: port) != nil }

    /// The port that a socket was bound to for a moment.
    private static func bound(to port: Int) -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, size) == 0 && getsockname(descriptor, generic, &size) == 0
            }
        }
        return isBound ? Int(in_port_t(bigEndian: address.sin_port)) : nil
    }

    private static func greets(port: Int) -> Bool {
        guard let client = try? RawNatsClient(port: port, connects: false) else { return false }
        return client.greeting.hasPrefix("INFO ")
    }
}

extension NatsServer {
    /// Every nats-server to test with: those of `TERTIB_NATS_SERVERS` (paths, separated by colons), else Debian's and
    /// the one in `PATH`.
    public static let binaries: [Binary] = {
        let environment = ProcessInfo.processInfo.environment
        let named = (environment["TERTIB_NATS_SERVERS"] ?? "").split(separator: ":").map(String.init)
        let path = (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/nats-server" }
        let candidates = named.isEmpty ? ["/usr/sbin/nats-server"] + path : named
        var versions: Set<String> = []
        return candidates.compactMap { path in
            guard let version = version(of: path), versions.insert(version).inserted else { return nil }
            return Binary(path: path, version: version)
        }
    }()

    private static func version(of path: String) -> String? {
        guard FileManager.default.isExecutableFile(atPath: path), let directory = try? TemporaryDirectory(),
            let process = try? ChildProcess([path, "--version"], output: "\(directory.path)/version")
        else { return nil }
        process.waitForEnd()
        guard let text = try? String(contentsOfFile: "\(directory.path)/version", encoding: .utf8),
            let range = text.firstRange(of: "nats-server: v")
        else { return nil }
        return String(text[range.upperBound...].prefix { !$0.isWhitespace })
    }
}
