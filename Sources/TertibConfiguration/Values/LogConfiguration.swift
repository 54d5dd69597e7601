public import Logging

/// How the service logs.
public struct LogConfiguration: Hashable, Sendable {
    /// What is logged: this level and those above it.
    public let level: Logger.Level
    /// How a line looks.
    public let format: LogFormat
}

/// How a line of the log looks.
public enum LogFormat: String, Hashable, Sendable, CaseIterable {
    /// For people.
    case text
    /// For machines: one JSON object a line.
    case json
}
