import Foundation

/// The demo's own nats-server, on a free port, with its files in the demo's folder.
final class Broker: Sendable {
    private let process: ManagedProcess
    private let portsFolder: String

    /// Creates a broker; ``run()`` starts it.
    init(program: String, workspace: Workspace) throws {
        let folder = workspace.path("broker")
        portsFolder = folder
        process = try ManagedProcess(
            name: "nats-server", program: program, logFile: workspace.path("nats-server.log"),
            arguments: { start in
                // It chooses a free port itself the first time, says so in a file, and keeps it afterwards.
                let port = start == 1 ? "-1" : Self.port(in: folder).map(String.init) ?? "-1"
                return [
                    "--addr", "127.0.0.1", "--port", port, "--jetstream", "--store_dir", folder, "--ports_file_dir",
                    folder,
                ]
            })
    }

    /// Runs until ``end()``.
    func run() async throws { try await process.run() }

    /// `kill -9`; it comes back after a pause.
    func kill(restartingAfter pause: Duration) -> Bool { process.kill(restartingAfter: pause) }

    /// Asks it to end.
    func end() { process.end() }

    /// The URL, as soon as it listens.
    func url() async throws -> String {
        for _ in 0..<500 {
            if let port = Self.port(in: portsFolder) { return "nats://127.0.0.1:\(port)" }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw DemoError(
            "nats-server does not start.", why: "It did not say within 10 seconds which port it listens on.",
            advice: "Try `nats-server --jetstream` by hand; the package nats-server of Debian 12 is known to work.")
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
