import Glibc
import Synchronization
import TertibRuntime
import TertibCore

/// What a replica's handlers have begun, written outside of any transaction: what is written survives `kill -9`, and
/// what is older than a few lines a power cut too.
final class AttemptFile: Sendable {
    private let path: String
    private let descriptor: Int32
    private let unsynced = Mutex(0)

    /// So many lines may be unsynced.
    private static let syncInterval = 64

    /// Opens the file, and makes it where there is none.
    init(path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw LabError(
                "The attempts cannot be written.", why: "\(path): \(String(cString: strerror(errno)))",
                advice: "See that the folder is there and has space.")
        }
    }

    deinit { close(descriptor) }

    /// Whether this is the first attempt at an event, of all replicas whose files are in one folder.
    func isFirst(_ envelope: Envelope) throws -> Bool {
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let mark = open("\(folder)/first-\(envelope.id)", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard mark >= 0 else { return false }
        close(mark)
        return true
    }

    /// The marks that a line begins with.
    enum Mark: String {
        /// A handler begins with an event.
        case attempt = "A"
        /// The ledger had the event's version already: the fence has let a second application through.
        case repetition = "!"
    }

    /// Writes a line.
    func write(_ mark: Mark, _ envelope: Envelope) throws {
        let line =
            "\(mark.rawValue) \(envelope.aggregate.type) \(envelope.aggregate.id) \(envelope.version) "
            + "\(envelope.id)\n"
        try unsynced.withLock { unsynced in
            let bytes = Array(line.utf8)
            guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
                throw LabError(
                    "An attempt could not be written.", why: String(cString: strerror(errno)),
                    advice: "See that there is space in the folder for temporary files (TMPDIR).")
            }
            unsynced += 1
            guard unsynced >= Self.syncInterval || mark == .repetition else { return }
            fdatasync(descriptor)
            unsynced = 0
        }
    }
}
