import Foundation
import Subprocess
import Synchronization

/// A nats-server of a run's own, on a free port, with its files in the run's folder.
package final class Broker: Sendable {
    private let process: ManagedProcess
    private let portsFolder: String
    private let knownPort: KnownPort

    /// Creates a broker; ``run()`` starts it.
    package init(program: String, workspace: Workspace) throws {
        let folder = workspace.path("broker")
        portsFolder = folder
        let knownPort = KnownPort()
        self.knownPort = knownPort
        process = try ManagedProcess(
            name: "nats-server",
            program: ManagedProcess.Program(path: program) { _ in
                // It chooses a free port itself the first time, says so in a file, and is told to keep it afterwards: an
                // end in order removes the file.
                let port = knownPort.port.withLock { $0 }.map(String.init) ?? "-1"
                return [
                    "--addr", "127.0.0.1", "--port", port, "--jetstream", "--store_dir", folder, "--ports_file_dir",
                    folder,
                ]
            }, logFile: workspace.path("nats-server.log"))
    }

    /// A server's version, as it says it itself: `2.9.10`; `nil` when it says nothing of the kind.
    static func version(of program: String) async throws -> String? {
        let path = program as NSString
        let result = try await Subprocess.run(
            .name(path.lastPathComponent), arguments: ["--version"],
            environment: .inherit.updating(["PATH": path.deletingLastPathComponent]), output: .string(limit: 4096),
            error: .discarded)
        return result.standardOutput.split { $0.isWhitespace }.last.map { String($0.trimmingPrefix("v")) }
    }

    /// Whether a server of this version leaves the consumers of a stream where they are when a subject is purged.
    /// Measured: 2.9.10 moves them to the stream's end, 2.15 does not.
    static func purgesSafely(_ version: String) -> Bool {
        let numbers = version.split(separator: ".").prefix(2).compactMap { Int($0) }
        return numbers.count == 2 && !numbers.lexicographicallyPrecedes([2, 15])
    }

    /// Runs until ``end()``.
    package func run() async throws { try await process.run() }

    /// `kill -9`; it comes back after a pause. Returns whether there was something to kill.
    package func kill(restartingAfter pause: Duration) -> Bool { process.kill(restartingAfter: pause) }

    /// `kill -9`, also when it hangs in the middle of its end; it comes back after a pause.
    package func insist(restartingAfter pause: Duration) { process.insist(restartingAfter: pause) }

    /// SIGTERM; it comes back after a pause. Returns whether there was something to end.
    package func restart(after pause: Duration) -> Bool { process.terminate(restartingAfter: pause) }

    /// Asks it to end.
    package func end() { process.end() }

    /// The port, as soon as it listens; the same after each restart.
    package func port() async throws -> Int {
        for _ in 0..<500 {
            if let port = knownPort.port.withLock({ $0 }) ?? Self.port(in: portsFolder) {
                knownPort.port.withLock { $0 = port }
                return port
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw LabError(
            "nats-server does not start.", why: "It did not say within 10 seconds which port it listens on.",
            advice: "Try `nats-server --jetstream` by hand; the package nats-server of Debian 12 is known to work.")
    }

    /// The URL, as soon as it listens.
    package func url() async throws -> String { "nats://127.0.0.1:\(try await port())" }

    /// What both the process and its owner know.
    private final class KnownPort: Sendable {
        let port = Mutex<Int?>(nil)
    }

    private struct Ports: Decodable {
        let nats: [String]
    }

    /// The port that the first start has written down. A later start has the same.
    private static func port(in folder: String) -> Int? {
        // A folder or a file that is not there, or half written, is one that is not there yet.
        guard let files = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return nil }
        for file in files where file.hasSuffix(".ports") {
            guard let data = FileManager.default.contents(atPath: "\(folder)/\(file)"),
                let ports = try? JSONDecoder().decode(Ports.self, from: data), let url = ports.nats.first,
                let port = URL(string: url)?.port
            else { continue }
            return port
        }
        return nil
    }
}
