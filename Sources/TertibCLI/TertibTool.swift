import TertibTerminal

/// The command line as a function: arguments in, exit status out.
public enum TertibTool {
    /// The version that `tertib --version` prints.
    static let version = "0.1.0"

    static let commandLine = CommandLineTool(RootCommand.self) { Failure($0) }

    /// Runs the command line of this process and returns its exit status: 0 done, 1 something is wrong or a race was
    /// lost, 2 the arguments or the configuration cannot be used.
    public static func run() async -> Int32 { await commandLine.run() }
}
