import Foundation
import Synchronization
import TertibRuntime

/// Waits for a lock that another connection holds: about 200 microseconds at a time, with jitter, up to a deadline.
///
/// SQLite's own `busy_timeout` waits longer and longer, so that the connection that has waited longest asks least often,
/// and two processes that write all the time starve each other. A constant pause gives all of them the same chance.
final class BusyWait: Sendable {
    private let limit: Duration
    private let start = Mutex(ContinuousClock.now)

    init(limit: Duration) {
        self.limit = limit
    }

    /// Called by SQLite on the thread of the connection that waits, with the number of earlier calls for this lock.
    /// - Returns: whether to try again.
    func wait(attempt: Int) -> Bool {
        let now = ContinuousClock.now
        let waited = start.withLock { start in
            if attempt == 0 { start = now }
            return now - start
        }
        guard waited < limit else { return false }
        Self.pause()
        return true
    }

    /// Runs `body` again while it finds the database busy, for what SQLite's busy handler does not cover: switching to
    /// the write-ahead log.
    static func retrying<Result>(upTo limit: Duration, _ body: () throws(StoreError) -> Result) throws(StoreError)
        -> Result
    {
        let start = ContinuousClock.now
        while true {
            do {
                return try body()
            } catch {
                guard error.code == .conflict, ContinuousClock.now - start < limit else { throw error }
                pause()
            }
        }
    }

    private static func pause() {
        Thread.sleep(forTimeInterval: .random(in: 0.000_15...0.000_25))
    }
}
