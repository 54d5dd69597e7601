import CPostgres
import Glibc

extension ServerConnection {
    /// Blocks until the server has told something that was listened for.
    /// - Returns: what each notice says; nothing when the wait was interrupted.
    func notices(unless interruption: Interruption) throws(ServerFailure) -> [String] {
        while true {
            guard PQconsumeInput(handle) == 1, isAlive else { throw lost() }
            var notices: [String] = []
            while let notice = PQnotifies(handle) {
                defer { PQfreemem(notice) }
                notices.append(notice.pointee.extra.map { String(cString: $0) } ?? "")
            }
            if !notices.isEmpty || interruption.wait(besides: PQsocket(handle)) { return notices }
        }
    }
}

/// Ends the waits of one thread from any other, for good. It owns a pipe, and closes it with the last reference.
final class Interruption: Sendable {
    private let reader: Int32
    private let writer: Int32

    /// `nil` when the process may open no more files.
    init?() {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return nil }
        (reader, writer) = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit {
        close(reader)
        close(writer)
    }

    /// Ends the wait, and every later one. A pipe that is full has been written to before.
    func interrupt() { _ = write(writer, [0], 1) }

    /// Blocks until something can be read from a socket.
    /// - Returns: whether it was interrupted.
    func wait(besides socket: Int32) -> Bool { poll([reader, socket], -1) }

    /// Blocks for some time.
    /// - Returns: whether it was interrupted.
    func wait(atMost limit: Duration) -> Bool { poll([reader], Int32(clamping: limit.wholeMilliseconds)) }

    private func poll(_ files: [Int32], _ milliseconds: Int32) -> Bool {
        var descriptors = files.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        // A signal ends the wait early, which costs a look for nothing.
        return Glibc.poll(&descriptors, nfds_t(descriptors.count), milliseconds) > 0 && descriptors[0].revents != 0
    }
}
