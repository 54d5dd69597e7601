package import Foundation

/// Files that a verb writes beside its result.
package enum OutputFile {
    /// Sees before long work that its result can be written in the end, by trying it; leaves nothing behind.
    /// - Parameter option: What the path was given with.
    package static func check(_ option: String, _ path: String?) throws(Failure) {
        guard let path, let obstacle = obstacle(to: path) else { return }
        throw Failure(
            status: .unusable, code: "output", what: "\(option) \(path) cannot be written", why: obstacle, next: advice)
    }

    /// Writes a file, and the folders that it is in.
    package static func write(_ text: String, to path: String) throws(Failure) { try write(Data(text.utf8), to: path) }

    /// Writes a file, and the folders that it is in.
    package static func write(_ data: Data, to path: String) throws(Failure) {
        do {
            let file = URL(fileURLWithPath: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try data.write(to: file)
        } catch {
            throw Failure(
                status: .wrong, code: "output", what: "\(path) cannot be written", why: "\(error.localizedDescription)",
                next: advice)
        }
    }

    /// Writes a file behind a result that is printed already: what goes wrong now belongs on standard error alone.
    package static func isWritten(_ text: String, to path: String, _ console: Console) -> Bool {
        do {
            try write(text, to: path)
            return true
        } catch {
            console.note(error)
            return false
        }
    }

    /// The path of a file as seen from another one: relative where one folder holds both.
    package static func path(of file: String, from other: String) -> String {
        let folder = URL(fileURLWithPath: other).deletingLastPathComponent().path
        let complete = URL(fileURLWithPath: file).path
        return complete.hasPrefix(folder + "/") ? String(complete.dropFirst(folder.count + 1)) : complete
    }

    private static let advice = "Name a file in a folder that you may write to."

    /// What keeps a file from being written; `nil` when nothing does.
    private static func obstacle(to path: String) -> String? {
        if path.isEmpty { return "the path is empty" }
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) {
            if isFolder.boolValue { return "it is a folder" }
            return access(path, W_OK) == 0 ? nil : String(cString: strerror(errno))
        }
        var made: [String] = []
        defer { for folder in made.reversed() { rmdir(folder) } }
        for folder in missingFolders(of: path) {
            guard mkdir(folder, 0o777) == 0 else { return "\(folder): \(String(cString: strerror(errno)))" }
            made.append(folder)
        }
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { return String(cString: strerror(errno)) }
        close(file)
        unlink(path)
        return nil
    }

    /// The folders that would have to be made, the outermost first.
    private static func missingFolders(of path: String) -> [String] {
        var missing: [String] = []
        var folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        while folder.path != "/", !FileManager.default.fileExists(atPath: folder.path) {
            missing.append(folder.path)
            folder = folder.deletingLastPathComponent()
        }
        return missing.reversed()
    }
}
