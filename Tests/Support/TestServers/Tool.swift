import Foundation

/// One of the package's command lines, as it was built with the tests; each run is a process of its own.
public struct Tool: Sendable {
    /// The operator's.
    public static let tertib = Tool("tertib")
    /// The laboratory's.
    public static let lab = Tool("tertib-lab")
    /// The demo's.
    public static let demo = Tool("shop-demo")

    let name: String

    init(_ name: String) {
        self.name = name
    }

    /// What a process left behind.
    public struct Outcome: Sendable {
        /// The exit status.
        public let status: Int32
        /// What stands on standard output.
        public let output: String
        /// What stands on standard error.
        public let errors: String

        /// The one document on standard output.
        public func document() throws -> Document {
            guard output.hasSuffix("\n"), !output.dropLast().contains("\n") else {
                throw TestServerError("not one line: \(output) \(errors)")
            }
            return try Document(output)
        }
    }

    /// Where the executable is.
    public func path() throws -> String { try BuiltProgram.path(name) }

    /// Runs it to its end.
    public func run(
        _ arguments: String..., environment: [String: String] = [:], input: String? = nil,
        within limit: Duration = .seconds(60)
    ) async throws -> Outcome {
        try await run(arguments, environment: environment, input: input, within: limit)
    }

    /// Runs it to its end.
    public func run(
        _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
        within limit: Duration = .seconds(60)
    ) async throws -> Outcome {
        try await start(arguments, environment: environment, input: input).end(within: limit)
    }

    /// Starts it.
    public func start(
        _ arguments: [String], environment: [String: String] = [:], input: String? = nil
    ) throws -> RunningTool {
        try RunningTool(self, arguments, environment: environment, input: input)
    }
}

/// A command line that runs. It is killed with the last reference to it.
public final class RunningTool: Sendable {
    private let tool: Tool
    private let process: Process
    private let directory: TemporaryDirectory
    private let arguments: [String]

    init(_ tool: Tool, _ arguments: [String], environment: [String: String], input: String?) throws {
        (self.tool, self.arguments) = (tool, arguments)
        directory = try TemporaryDirectory()
        process = Process()
        process.executableURL = URL(fileURLWithPath: try tool.path())
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
    public var output: String { text(of: "output") }

    /// What it has written to standard error so far.
    public var errors: String { text(of: "errors") }

    /// Whether it still runs.
    public var isRunning: Bool { process.isRunning }

    private func text(of name: String) -> String {
        // A file that is not there yet has no text.
        (try? String(contentsOfFile: "\(directory.path)/\(name)", encoding: .utf8)) ?? ""
    }

    /// Asks it to stop, as a supervisor does.
    public func terminate() { kill(process.processIdentifier, SIGTERM) }

    /// Ctrl-C.
    public func interrupt() { kill(process.processIdentifier, SIGINT) }

    /// Waits until its standard error has a text.
    public func says(_ words: String) async throws {
        try await waitUntil("\(tool.name) to say \(words)", within: .seconds(60)) { errors.contains(words) }
    }

    /// Waits for its end.
    public func end(within limit: Duration = .seconds(60)) async throws -> Tool.Outcome {
        do {
            try await waitUntil(
                "\(tool.name) \(arguments.joined(separator: " ")) to end", within: limit
            ) { !self.isRunning }
        } catch {
            kill(process.processIdentifier, SIGKILL)
            throw TestServerError("\(error): \(output) \(errors)")
        }
        return Tool.Outcome(status: process.terminationStatus, output: output, errors: errors)
    }
}
