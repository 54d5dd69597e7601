import Foundation
import Testing

@testable import TertibConfiguration

/// A temporary folder for configurations and the files that they name; removed at the end.
final class Workspace {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "tertib-configuration-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        // What cannot be removed stays in the system's temporary folder.
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file, readable for its owner only unless `permissions` say otherwise, and returns its path.
    @discardableResult
    func write(_ content: String, to name: String, permissions: Int = 0o600) throws -> String {
        let file = "\(path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: FileAccess.directory(of: file), withIntermediateDirectories: true)
        try Data(content.utf8).write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: file)
        return file
    }

    /// Writes the files that ``Sample`` and the example configurations name.
    func writeNamedFiles() throws {
        for name in ["a.creds", "a.nk", "ca.pem", "a.pem", "a.key", "password", "token"] {
            try write("content-of-\(name)\n", to: name)
        }
    }

    /// Reads a configuration whose relative paths start in this folder.
    func read(_ text: String) throws(ConfigurationError) -> ServiceConfiguration {
        try ServiceConfiguration.read(
            Array(text.utf8), file: "orders.json", directory: path,
            environment: ["PASSWORD": "content-of-the-variable", "TERTIB_EMPTY": "", "P": "x"])
    }
}

/// Makes configurations from a minimal one.
enum Sample {
    static let sections: [(key: String, text: String)] = [
        ("service", #""orders""#),
        ("nats", #"{ "servers": ["nats://127.0.0.1:4222"] }"#),
        ("stream", #"{ "name": "SHOP", "namespace": "shop" }"#),
        ("store", #"{ "kind": "sqlite", "path": "orders.sqlite" }"#),
    ]

    static let minimal = file([:])

    /// The minimal configuration with sections replaced, removed (by an empty text) or added.
    static func file(_ changes: [String: String]) -> String {
        var lines = sections.compactMap { section -> String? in
            let text = changes[section.key] ?? section.text
            return text.isEmpty ? nil : "  \"\(section.key)\": \(text)"
        }
        for (key, text) in changes.sorted(by: { $0.key < $1.key }) where !sections.contains(where: { $0.key == key }) {
            lines.append("  \"\(key)\": \(text)")
        }
        return "{\n" + lines.joined(separator: ",\n") + "\n}\n"
    }

    /// The minimal configuration with one more member before the others, in the first line.
    static func opening(with member: String) -> String { "{ \(member)," + minimal.dropFirst() }

    /// The minimal configuration with one consumer.
    static func consumer(_ text: String) -> String { file(["consumers": "{ \"orders\": \(text) }"]) }

    /// The minimal configuration with a database on a server: the URL, and what follows it.
    static func postgres(_ url: String) -> String { file(["store": #"{ "kind": "postgres", "url": \#(url) }"#]) }

    /// The minimal configuration with one way of authentication.
    static func authentication(_ text: String) -> String {
        file(["nats": #"{ "servers": ["nats://127.0.0.1:4222"], "authentication": \#(text) }"#])
    }

    /// The minimal configuration with TLS.
    static func tls(_ text: String, server: String = "nats://127.0.0.1:4222") -> String {
        file(["nats": #"{ "servers": ["\#(server)"], "tls": \#(text) }"#])
    }

    /// The minimal configuration with these servers.
    static func servers(_ text: String) -> String { file(["nats": "{ \"servers\": \(text) }"]) }
}
