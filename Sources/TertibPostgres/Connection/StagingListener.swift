import Foundation
import Glibc
import Synchronization
import TertibRuntime

/// A connection of its own that is notified when any service has staged events, and is made again when it is lost.
///
/// A thread waits on it, from ``run()`` until ``stop()``.
final class StagingListener: Sendable {
    private let options: PostgresOptions
    private let staged: @Sendable () -> Void
    private let interruption: Interruption?

    /// - Parameter staged: called on the listener's thread.
    init(_ options: PostgresOptions, _ staged: @escaping @Sendable () -> Void) {
        self.options = options
        self.staged = staged
        interruption = Interruption()
    }

    /// Listens until it is stopped. A process that may open no more files goes without.
    func run() async {
        guard let interruption else { return }
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            Thread.detachNewThread { [self] in
                listen(unless: interruption)
                done.resume()
            }
        }
    }

    /// Ends ``run()``, also when it has not begun.
    func stop() { interruption?.interrupt() }

    private func listen(unless interruption: Interruption) {
        var failures = 0
        repeat {
            do {
                try hear(unless: interruption, connected: { failures = 0 })
            } catch {
                // Nothing is lost with it: the relay also looks by itself, and reports an outage.
                failures += 1
            }
        } while !interruption.wait(atMost: Self.pause(after: failures))
    }

    private func hear(unless interruption: Interruption, connected: () -> Void) throws {
        let runner = try SessionSetup.connect(options)
        let schema =
            try runner.connection.run(StagingNotice.schemaQuery, within: runner.limit).last?.text(0, 0) ?? ""
        try runner.connection.run("LISTEN \(StagingNotice.channel)", within: runner.limit)
        connected()
        // Of events staged before there was no notice.
        staged()
        while !interruption.wait(atMost: .zero) {
            let notices = try runner.connection.notices(unless: interruption)
            if notices.contains(schema) { staged() }
        }
    }

    /// From a tenth of a second to five seconds, so that replicas do not ask a server that comes back all at once.
    private static func pause(after failures: Int) -> Duration {
        let bound = min(Duration.milliseconds(100) * (1 << min(failures, 6)), .seconds(5))
        return bound / 2 + bound / 2 * Double.random(in: 0..<1)
    }
}

/// The notice after a transaction that has staged events.
enum StagingNotice {
    static let channel = "tertib_staged"

    /// Services may share a database, each in a schema of its own; the notice names the schema.
    static let schemaQuery = "SELECT coalesce(current_schema(), '')"

    /// It goes to the server with the commit, and is run behind it: then it cannot make the commit fail, and commits do
    /// not wait for each other's place among the notices. Only a crash of the server comes between the two, and that
    /// ends the listeners' connections, too. When a listener has not read for long, no notices are sent for a while.
    static let send = """
        SELECT pg_notify('\(channel)', coalesce(current_schema(), '')) WHERE pg_notification_queue_usage() < 0.5
        """
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
