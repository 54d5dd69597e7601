import Foundation

/// A door that tasks and threads wait at until somebody opens it; it never closes again.
public final class Gate: Sendable {
    // NSCondition is a monitor and safe from every thread; it guards `state`, which nothing else touches.
    private let condition = NSCondition()
    private let signal = ChangeSignal()
    private nonisolated(unsafe) var isOpenLocked = false

    /// Creates a closed gate.
    public init() {}

    /// Whether it is open.
    public var isOpen: Bool { condition.withLock { isOpenLocked } }

    /// Opens the gate and lets everybody through.
    public func open() {
        condition.withLock {
            isOpenLocked = true
            condition.broadcast()
        }
        signal.notify()
    }

    /// Waits in a task.
    /// - Throws: ``EventuallyError`` that names `what`, when the limit has passed.
    public func wait(atMost limit: Duration = .seconds(30), for what: String) async throws {
        try await eventually(what, within: limit, watching: [signal]) { isOpen }
    }

    /// Blocks the calling thread, which must not be one of the cooperative pool: a transaction's body may do so.
    /// - Returns: whether the gate is open.
    public func waitOnThread(atMost limit: Duration = .seconds(30)) -> Bool {
        let deadline = Date(timeIntervalSinceNow: limit / .seconds(1))
        return condition.withLock {
            while !isOpenLocked, condition.wait(until: deadline) {}
            return isOpenLocked
        }
    }

    /// Blocks the calling thread.
    /// - Throws: ``EventuallyError`` that names `what`, when the limit has passed.
    public func waitOnThread(atMost limit: Duration = .seconds(30), for what: String) throws {
        guard waitOnThread(atMost: limit) else { throw EventuallyError(missing: what, limit: limit) }
    }
}
