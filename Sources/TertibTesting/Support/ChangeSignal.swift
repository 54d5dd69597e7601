import Synchronization

/// Tells waiting tasks that something has changed.
///
/// What has changed they look up themselves.
public final class ChangeSignal: Sendable {
    private struct State {
        var count: UInt64 = 0
        var next = 0
        var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    }
    private let state = Mutex(State())

    /// Creates a signal.
    public init() {}

    /// How often something has changed: read it before looking, wait for a later one after.
    public var count: UInt64 { state.withLock { $0.count } }

    /// Tells everybody who waits.
    ///
    /// Cheap when nobody does; safe from any thread.
    public func notify() {
        let waiting = state.withLock { state in
            state.count += 1
            let waiting = state.waiting
            state.waiting = [:]
            return waiting
        }
        for (_, continuation) in waiting.sorted(by: { $0.key < $1.key }) { continuation.resume() }
    }

    /// Returns once ``count`` is above `seen`, or when the task is cancelled.
    public func change(after seen: UInt64) async {
        let ticket = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.count > seen || Task.isCancelled { return true }
                    state.waiting[ticket] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume()
        }
    }
}
