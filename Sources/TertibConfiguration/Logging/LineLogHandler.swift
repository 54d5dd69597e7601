import Foundation
public import Logging
package import TertibRuntime
import TertibCore

extension LogConfiguration {
    /// A logger as configured: lines on standard error, from ``level`` on.
    public func makeLogger(label: String) -> Logger {
        var logger = Logger(label: label) { label in
            LineLogHandler(label: label, format: format) { line in
                // Standard error is where a failure to write would be told.
                try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
            }
        }
        logger.logLevel = level
        return logger
    }
}

/// Logs a line an entry, in one write: for people, or as a JSON object. What a terminal would obey is escaped.
package struct LineLogHandler: LogHandler {
    package var logLevel = Logger.Level.info
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    let label: String
    let format: LogFormat
    let time: any TimeSource
    let send: @Sendable (String) -> Void

    package init(
        label: String, format: LogFormat, time: any TimeSource = SystemTime(),
        send: @escaping @Sendable (String) -> Void
    ) {
        self.label = label
        self.format = format
        self.time = time
        self.send = send
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all =
            metadata
            .merging(metadataProvider?.get() ?? [:]) { $1 }
            .merging(event.metadata ?? [:]) { $1 }
            .map { (key: $0.key, value: "\($0.value)") }
            .sorted { $0.key < $1.key }
        send(line(event, all) + "\n")
    }

    private func line(_ event: LogEvent, _ metadata: [(key: String, value: String)]) -> String {
        let message = "\(event.message)"
        switch format {
        case .text:
            let pairs = metadata.map { " \(SafeText.escaped($0.key))=\(JSONValue.quoted($0.value))" }.joined()
            return "\(time.wall) \(event.level.rawValue) \(label): \(SafeText.escaped(message))\(pairs)"
        case .json:
            let fixed = [
                ("time", "\(time.wall)"), ("level", event.level.rawValue), ("logger", label), ("message", message),
            ]
            let members = fixed + metadata.map { ($0.key, $0.value) }
            return "{" + members.map { "\(JSONValue.quoted($0.0)):\(JSONValue.quoted($0.1))" }.joined(separator: ",")
                + "}"
        }
    }
}
