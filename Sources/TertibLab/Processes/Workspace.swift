import Foundation

/// The folder of one run: JSON files, databases, the broker's files, and logs.
package struct Workspace: Sendable {
    /// Its complete path.
    package let folder: String

    /// Creates an empty folder among the temporary files.
    /// - Parameter purpose: what its name begins with.
    package init(purpose: String) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(purpose)-\(UUID().uuidString)").path
        try makeFolder("broker")
    }

    /// The complete path of something inside.
    package func path(_ name: String) -> String { "\(folder)/\(name)" }

    /// Makes a folder inside.
    package func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
    }

    /// Writes a file inside.
    package func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
    }

    /// Removes everything.
    package func remove() throws {
        try FileManager.default.removeItem(atPath: folder)
    }
}
