import Synchronization

/// A place at which a transaction of a ``MemoryStore`` stands still until a test lets it go on.
public final class MemoryPause: Sendable {
    private let operation: MemoryOperation
    private let left: Mutex<Int>
    private let reached = Gate()
    private let resumed = Gate()

    init(operation: MemoryOperation, nth: Int) {
        self.operation = operation
        left = Mutex(nth)
    }

    /// Whether a transaction stands, or stood, here.
    public var isReached: Bool { reached.isOpen }

    /// Waits until a transaction stands here.
    /// - Throws: ``EventuallyError`` when none has come within `limit`.
    public func reached(within limit: Duration = .seconds(30)) async throws {
        try await reached.wait(atMost: limit, for: "a transaction before its \(operation)")
    }

    /// Lets the transaction go on, or never stop if it has not come yet.
    public func resume() {
        resumed.open()
    }

    func isDue(at other: MemoryOperation) -> Bool {
        guard other == operation else { return false }
        return left.withLock { left in
            left -= 1
            return left == 0
        }
    }

    /// Blocks the transaction's thread.
    func block() throws {
        reached.open()
        try resumed.waitOnThread(atMost: .seconds(120), for: "the pause before \(operation) to be resumed")
    }
}
