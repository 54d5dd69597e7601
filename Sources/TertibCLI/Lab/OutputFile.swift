import Foundation

/// Files that a verb writes beside its result.
enum OutputFile {
    /// Writes a file, and the folders that it is in.
    static func write(_ text: String, to path: String) throws {
        do {
            let file = URL(fileURLWithPath: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        } catch {
            throw Failure(
                status: .wrong, code: "output", what: "\(path) cannot be written", why: "\(error)",
                next: "Name a file in a folder that you may write to.")
        }
    }

    /// The path of a file as seen from another one: relative where one folder holds both.
    static func path(of file: String, from other: String) -> String {
        let folder = URL(fileURLWithPath: other).deletingLastPathComponent().path
        let complete = URL(fileURLWithPath: file).path
        return complete.hasPrefix(folder + "/") ? String(complete.dropFirst(folder.count + 1)) : complete
    }
}
