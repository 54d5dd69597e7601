import Foundation
import Synchronization
import TestServers

/// The built `tertib`, run as a process of its own.
enum Tool {
    /// What a process left behind.
    struct Outcome: Sendable {
        let status: Int32
        let output: String
        let errors: String

        /// The one document on standard output.
        func document() throws -> Document {
            guard output.hasSuffix("\n"), !output.dropLast().contains("\n") else {
                throw TestServerError("not one line: \(output) \(errors)")
            }
            return try Document(output)
        }
    }

    /// Where the executable stands: beside the test bundle.
    static func path() throws -> String {
        let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        var folder = URL(fileURLWithPath: bundle).deletingLastPathComponent()
        for _ in 0..<4 {
            let candidate = folder.appendingPathComponent("tertib").path
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
            folder = folder.deletingLastPathComponent()
        }
        throw TestServerError("no tertib beside \(bundle)")
    }

    /// Runs it to its end.
    static func run(
        _ arguments: String..., environment: [String: String] = [:], input: String? = nil,
        within limit: Duration = .seconds(60)
    ) async throws -> Outcome {
        try await run(arguments, environment: environment, input: input, within: limit)
    }

    /// Runs it to its end.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
        within limit: Duration = .seconds(60)
    ) async throws -> Outcome {
        let process = try RunningTool(arguments, environment: environment, input: input)
        return try await process.end(within: limit)
    }
}

/// A `tertib` that runs. It is killed with the last reference to it.
final class RunningTool: Sendable {
    private let process: Process
    private let directory: TemporaryDirectory
    private let arguments: [String]

    init(_ arguments: [String], environment: [String: String] = [:], input: String? = nil) throws {
        self.arguments = arguments
        directory = try TemporaryDirectory()
        process = Process()
        process.executableURL = URL(fileURLWithPath: try Tool.path())
        process.arguments = arguments
        var variables = ProcessInfo.processInfo.environment.filter { !["TERTIB_CONFIG", "COLUMNS"].contains($0.key) }
        variables.merge(environment) { $1 }
        process.environment = variables
        let standardInput = try directory.write(input ?? "", to: "input")
        let files = [
            try FileHandle(forReadingFrom: URL(fileURLWithPath: standardInput)),
            try FileHandle(forWritingTo: URL(fileURLWithPath: try directory.write("", to: "output"))),
            try FileHandle(forWritingTo: URL(fileURLWithPath: try directory.write("", to: "errors"))),
        ]
        process.standardInput = files[0]
        process.standardOutput = files[1]
        process.standardError = files[2]
        try process.run()
        // The child has its own by now, and Foundation never lets go of these.
        for file in files { try file.close() }
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    /// What it has written to standard output so far.
    var output: String { text(of: "output") }

    /// What it has written to standard error so far.
    var errors: String { text(of: "errors") }

    /// Whether it still runs.
    var isRunning: Bool { process.isRunning }

    private func text(of name: String) -> String {
        // A file that is not there yet has no text.
        (try? String(contentsOfFile: "\(directory.path)/\(name)", encoding: .utf8)) ?? ""
    }

    /// Asks it to stop, as a supervisor does.
    func terminate() { kill(process.processIdentifier, SIGTERM) }

    /// Waits for its end.
    func end(within limit: Duration = .seconds(60)) async throws -> Tool.Outcome {
        do {
            try await waitUntil("tertib \(arguments.joined(separator: " ")) to end", within: limit) { !self.isRunning }
        } catch {
            kill(process.processIdentifier, SIGKILL)
            throw TestServerError("\(error): \(output) \(errors)")
        }
        return Tool.Outcome(status: process.terminationStatus, output: output, errors: errors)
    }
}
