import Foundation

/// Reads small files, and says in words why one cannot be read.
enum FileAccess {
    /// Why a file cannot be read, as the rest of a sentence: `does not exist`.
    struct Problem: Error {
        let text: String
    }

    /// The most bytes that a configuration or a secret may have.
    static let sizeLimit = 1 << 20

    /// The path of a file; a relative one starts at `directory`.
    static func resolve(_ path: String, in directory: String) -> String {
        if path.hasPrefix("/") { return path }
        var rest = path[...]
        while rest.hasPrefix("./") { rest = rest.dropFirst(2) }
        return directory.hasSuffix("/") ? directory + rest : "\(directory)/\(rest)"
    }

    /// The folder of a file, complete.
    static func directory(of path: String) -> String {
        let complete = resolve(path, in: FileManager.default.currentDirectoryPath)
        guard let slash = complete.lastIndex(of: "/"), slash != complete.startIndex else { return "/" }
        return String(complete[..<slash])
    }

    /// Whether there is a folder at `path`.
    static func isDirectory(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    /// The content of a regular file of at most ``sizeLimit`` bytes.
    static func read(_ path: String) throws(Problem) -> [UInt8] {
        if isDirectory(path) { throw Problem(text: "is a folder, not a file") }
        guard FileManager.default.fileExists(atPath: path) else { throw Problem(text: "does not exist") }
        guard let type = attributes(of: path)?[.type] as? FileAttributeType, type == .typeRegular else {
            throw Problem(text: "is not a regular file")
        }
        guard let handle = FileHandle(forReadingAtPath: path) else { throw Problem(text: "cannot be opened") }
        do {
            defer { try? handle.close() }  // it was only read: nothing is lost if closing fails
            let content = try handle.read(upToCount: sizeLimit + 1) ?? Data()
            if content.count > sizeLimit { throw Problem(text: "is larger than \(sizeLimit) bytes") }
            return [UInt8](content)
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem(text: "cannot be read")
        }
    }

    /// Whether others than its owner may read the file.
    static func isExposed(_ path: String) -> Bool {
        guard let permissions = attributes(of: path)?[.posixPermissions] as? NSNumber else { return false }
        return permissions.intValue & 0o044 != 0
    }

    /// The attributes of the file that a path leads to, through links (secrets are often mounted as links).
    private static func attributes(of path: String) -> [FileAttributeKey: Any]? {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        // A file that cannot be examined is reported by the attempt to read it.
        return try? FileManager.default.attributesOfItem(atPath: target)
    }
}
