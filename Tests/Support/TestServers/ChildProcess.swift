import Glibc
import Synchronization

/// A child process that is signalled by its id only for as long as it has not been waited for, so that no other process
/// can be hit.
final class ChildProcess: Sendable {
    let id: pid_t
    /// Held while a child is started, and while a descriptor is made that no child may inherit.
    static let spawning = Mutex<Void>(())
    /// The wait status, once it was waited for.
    private let ended = Mutex<Int32?>(nil)

    /// - Parameters:
    ///   - output: a file for its standard output and error.
    ///   - input: a descriptor for its standard input.
    init(_ arguments: [String], output: String?, input: Int32? = nil) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, 1, output ?? "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own, so that a Ctrl-C in the terminal reaches the tests first.
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var strings: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { strings.forEach { free($0) } }
        var child: pid_t = 0
        let result = Self.spawning.withLock { _ in
            posix_spawn(&child, arguments[0], &actions, &attributes, &strings, environ)
        }
        guard result == 0 else { throw TestServerError("cannot start \(arguments[0]): errno \(result)") }
        id = child
    }

    var isRunning: Bool {
        ended.withLock { ended in
            var status: Int32 = 0
            if ended == nil, waitpid(id, &status, WNOHANG) == id { ended = status }
            return ended == nil
        }
    }

    func signal(_ number: Int32) {
        ended.withLock { ended in
            if ended == nil { _ = kill(id, number) }
        }
    }

    /// - Returns: the wait status: 0 when it ended well.
    @discardableResult
    func waitForEnd() -> Int32 {
        ended.withLock { ended in
            if let ended { return ended }
            var status: Int32 = 0
            while waitpid(id, &status, 0) != id, errno == EINTR {}
            ended = status
            return status
        }
    }
}
