import Foundation
import Synchronization
import TestServers

/// `tertib demo` as a process, with its temporary files in a folder of the test's own.
final class DemoProcess: Sendable {
    /// How it has ended.
    struct End: Sendable {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Where its temporary files are.
    let folder: TemporaryDirectory
    private let files: TemporaryDirectory
    private let process = Process()
    private let output: URL
    private let errors: URL
    private let ended = Mutex<Int32?>(nil)

    init(_ arguments: [String], environment: [String: String] = [:]) throws {
        folder = try TemporaryDirectory()
        files = try TemporaryDirectory()
        output = URL(fileURLWithPath: try files.write("", to: "output"))
        errors = URL(fileURLWithPath: try files.write("", to: "errors"))
        process.executableURL = URL(fileURLWithPath: try BuiltProgram.path("tertib"))
        process.arguments = ["demo"] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            .merging(["TMPDIR": folder.path]) { $1 }
        let handles = [try FileHandle(forWritingTo: output), try FileHandle(forWritingTo: errors)]
        process.standardOutput = handles[0]
        process.standardError = handles[1]
        process.standardInput = FileHandle.nullDevice
        process.terminationHandler = { [weak self] process in
            self?.ended.withLock { $0 = process.terminationStatus }
        }
        try process.run()
        // The child has its own by now, and Foundation never lets go of these.
        for handle in handles { try handle.close() }
    }

    /// Waits until it has ended.
    func end(within limit: Duration) async throws -> End {
        do {
            try await waitUntil("tertib demo to end", within: limit) { ended.withLock { $0 } != nil }
        } catch {
            process.terminate()
            throw TestServerError("\(error); it said:\n\(try text(errors))")
        }
        let status = ended.withLock { $0 } ?? -1
        return End(status: status, output: try text(output), errors: try text(errors))
    }

    /// Waits until its standard error has a text.
    func says(_ words: String) async throws {
        try await waitUntil("tertib demo to say \(words)", within: .seconds(60)) { try text(errors).contains(words) }
    }

    /// Ctrl-C.
    func interrupt() { process.interrupt() }

    /// The processes whose arguments name its folder.
    func relatives() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.compactMap { id in
            // A process may end while it is looked at.
            guard let line = FileManager.default.contents(atPath: "/proc/\(id)/cmdline") else { return nil }
            let text = String(decoding: line, as: UTF8.self).replacingOccurrences(of: "\0", with: " ")
            return text.contains(folder.path) ? text : nil
        }
    }

    /// What it has left behind.
    func leftovers() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path) }

    private func text(_ file: URL) throws -> String {
        String(decoding: try Data(contentsOf: file), as: UTF8.self)
    }
}
