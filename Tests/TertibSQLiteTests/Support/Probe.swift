import Dispatch
import Foundation

/// The probe as a process.
///
/// Started by `posix_spawn` itself: `Foundation.Process` has crashed in `run()` when tests started several at once.
final class Probe: Sendable {
    /// How a process ended.
    enum End: Equatable {
        case exit(Int32)
        case signal(Int32)
    }

    /// Why a process could not be started.
    struct NotStarted: Error {
        let reason: String
    }

    private let identifier: pid_t

    /// Starts `StoreProbe` with these arguments.
    init(_ arguments: String...) throws {
        let words = [try Self.executable()] + arguments
        let pointers = words.map { strdup($0) }
        defer { pointers.forEach { free($0) } }
        var identifier: pid_t = 0
        let code = posix_spawn(&identifier, words[0], nil, nil, pointers + [nil], environ)
        guard code == 0 else { throw NotStarted(reason: String(cString: strerror(code))) }
        self.identifier = identifier
    }

    /// How it has ended; waits for that, once.
    func end() async -> End {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [identifier] in
                var status: Int32 = 0
                while waitpid(identifier, &status, 0) == -1, errno == EINTR {}
                let signal = status & 0x7F
                continuation.resume(returning: signal == 0 ? .exit(status >> 8 & 0xFF) : .signal(signal))
            }
        }
    }

    /// Ends it at once. It must not have been waited for.
    func kill() {
        _ = Foundation.kill(identifier, SIGKILL)
    }

    /// The probe lies beside the tests, in the folder of everything that was built.
    private static func executable() throws -> String {
        var folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        for _ in 0..<5 {
            let candidate = folder.appending(path: "StoreProbe").path
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
            folder.deleteLastPathComponent()
        }
        throw NotStarted(reason: "StoreProbe is not beside \(CommandLine.arguments[0])")
    }
}
