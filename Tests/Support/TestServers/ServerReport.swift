import Foundation
import Synchronization

/// What tests have seen of a server version, for the page that `make test-servers` writes: one line a fact, in the file
/// that `TERTIB_SERVER_REPORT` names. Without it nothing is written.
public enum ServerReport {
    private static let path = ProcessInfo.processInfo.environment["TERTIB_SERVER_REPORT"]
    private static let writing = Mutex<Void>(())

    /// Adds a fact.
    /// - Parameters:
    ///   - kind: what it is about: `conformance`, `race`, `append`, `faults`, `setting`, `doctor`.
    ///   - name: what was looked at.
    ///   - value: what was seen.
    public static func add(_ binary: NatsServer.Binary, _ kind: String, _ name: String, _ value: String) throws {
        guard let path else { return }
        let fields = [binary.version, kind, name, value].map { field in
            String(field.map { $0 == "\t" || $0.isNewline ? " " : $0 })
        }
        try writing.withLock { _ in
            if !FileManager.default.fileExists(atPath: path) {
                try Data().write(to: URL(fileURLWithPath: path))
            }
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try file.seekToEnd()
            try file.write(contentsOf: Data((fields.joined(separator: "\t") + "\n").utf8))
            try file.close()
        }
    }
}
