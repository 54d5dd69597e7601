import Glibc

/// Ends a `poll` from another thread.
final class WakePipe: Sendable {
    /// What `poll` looks at.
    let descriptor: Int32
    private let end: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Socket.Failure(call: "pipe") }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        descriptor = ends[0]
        end = ends[1]
    }

    deinit {
        close(descriptor)
        close(end)
    }

    /// Wakes. A full pipe wakes too.
    func wake() {
        var byte: UInt8 = 1
        _ = write(end, &byte, 1)
    }

    /// Takes note of having been woken.
    func clear() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(descriptor, &bytes, bytes.count) > 0 {}
    }
}
