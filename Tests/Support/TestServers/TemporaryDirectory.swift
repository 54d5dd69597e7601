import Foundation

/// A folder of a test's own, removed with the last reference to it.
public final class TemporaryDirectory: Sendable {
    /// Where it is.
    public let path: String

    /// Creates an empty folder.
    public init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("tertib-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        // A folder that cannot be removed is the system's to clean up.
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a text file that only its owner may read.
    /// - Returns: its path.
    @discardableResult
    public func write(_ text: String, to name: String) throws -> String {
        let file = "\(path)/\(name)"
        guard
            FileManager.default.createFile(
                atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else { throw TestServerError("cannot write \(file)") }
        return file
    }
}

extension TemporaryDirectory {
    /// The files and folders in it.
    public func contents() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path) }

    /// The command lines of the processes whose arguments name the folder.
    public func processes() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.compactMap { id in
            // A process may end while it is looked at.
            let words = FileManager.default.contents(atPath: "/proc/\(id)/cmdline") ?? Data()
            let text = String(decoding: words, as: UTF8.self).replacingOccurrences(of: "\0", with: " ")
            return text.contains(path) ? text : nil
        }
    }
}
