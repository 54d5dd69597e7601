import Foundation
import TertibTerminal

/// Reads what a verb is given as a file.
enum InputFile {
    /// The most bytes that are read.
    static let limit = 1 << 30

    /// The content of a file, or of standard input for `-`.
    static func read(_ path: String) throws -> [UInt8] {
        let handle: FileHandle
        if path == "-" {
            handle = .standardInput
        } else {
            guard let opened = FileHandle(forReadingAtPath: path) else { throw unreadable(path, "it cannot be opened") }
            handle = opened
        }
        do {
            var content: [UInt8] = []
            while let chunk = try handle.read(upToCount: 1 << 20), !chunk.isEmpty {
                content += chunk
                guard content.count <= limit else { throw unreadable(path, "it is larger than 1 GiB") }
            }
            return content
        } catch let failure as Failure {
            throw failure
        } catch {
            throw unreadable(path, "it cannot be read")
        }
    }

    private static func unreadable(_ path: String, _ why: String) -> Failure {
        Failure(
            status: .unusable, code: "unreadable", what: "could not read \(path == "-" ? "standard input" : path)",
            why: why, next: "Name a file of at most 1 GiB that this user may read, or - for standard input.")
    }
}
