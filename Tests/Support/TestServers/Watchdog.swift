import Glibc
import Synchronization

/// A shell that kills a process when this process has ended: it waits for the end of a pipe that only this process holds
/// open, so it works whatever ended the tests.
final class Watchdog: Sendable {
    private let process: ChildProcess
    private let pipe: Mutex<Int32>

    /// - Parameter command: what ends the process, in the shell's words; killing it, without any.
    init(of child: pid_t, command: String? = nil) throws {
        let ends = try Self.pipe()
        defer { close(ends[0]) }
        pipe = Mutex(ends[1])
        do {
            process = try ChildProcess(
                ["/bin/sh", "-c", "read line; \(command ?? "kill -9 \(child)")"], output: nil, input: ends[0])
        } catch {
            close(ends[1])
            throw error
        }
    }

    /// A pipe that no other child inherits: else the servers' watchdogs would wait for each other's servers.
    private static func pipe() throws -> [Int32] {
        try ChildProcess.spawning.withLock { _ in
            var ends: [Int32] = [0, 0]
            guard Glibc.pipe(&ends) == 0 else { throw TestServerError("no pipe: errno \(errno)") }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return ends
        }
    }

    /// The process has ended and was waited for: its id may soon be another one's.
    func dismiss() {
        process.signal(SIGKILL)
        process.waitForEnd()
        pipe.withLock { descriptor in
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
        }
    }

    deinit { dismiss() }
}
