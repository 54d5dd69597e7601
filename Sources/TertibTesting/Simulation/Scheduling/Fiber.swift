import Dispatch

/// A transaction's body on its way: it has a thread of its own from its first step to its last.
///
/// `@unchecked Sendable`: only the thread that has the baton touches it.
final class Fiber: @unchecked Sendable {
    let lane: Int
    let body: @Sendable () -> Void
    /// The thread that it began on.
    var thread: BatonThread?
    /// What it waits for; asked only while it stands still.
    var condition: (() -> Bool)?

    init(lane: Int, body: @escaping @Sendable () -> Void) {
        self.lane = lane
        self.body = body
    }

    var isReady: Bool { condition?() ?? true }
}

/// One of the threads among which the baton goes round: the one that has it runs, all others stand still.
///
/// `@unchecked Sendable`: the semaphore orders what the one that passes the baton has written before what the one that
/// gets it reads.
final class BatonThread: @unchecked Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    /// What to begin with when the baton comes.
    var assignment: Fiber?
    var isDismissed = false

    /// Passes the baton to this thread.
    func wake() { semaphore.signal() }

    /// Stands still until the baton comes.
    func standStill() { semaphore.wait() }
}
