import CNats
import Synchronization

/// What libnats calls back, found by a number.
///
/// libnats keeps a `void *` for each callback and may still use it on its own threads after the object that registered
/// it is gone (its callbacks after a close are not bounded in time). A number that is looked up here can only be
/// missing, never dangling.
final class CallbackRegistry: Sendable {
    /// What a number stands for.
    enum Target: Sendable {
        /// Messages of one subscription; `completed` follows the last of them.
        case messages(@Sendable (ReceivedMessage) -> Void, completed: @Sendable () -> Void)
        /// Events of one connection.
        case connection(@Sendable (LinkEvent) -> Void)
    }

    static let shared = CallbackRegistry()

    private struct State {
        var targets: [UInt: Target] = [:]
        var next: UInt = 1
    }
    private let state = Mutex(State())

    func add(_ target: Target) -> UInt {
        state.withLock { state in
            defer { state.next += 1 }
            state.targets[state.next] = target
            return state.next
        }
    }

    func remove(_ number: UInt) {
        _ = state.withLock { $0.targets.removeValue(forKey: number) }
    }

    /// Forgets a subscription that has ended, or that libnats will never end, and says that it is complete.
    func abandon(_ number: UInt) {
        if case .messages(_, let completed) = state.withLock({ $0.targets.removeValue(forKey: number) }) { completed() }
    }

    fileprivate func target(_ closure: UnsafeMutableRawPointer?) -> Target? {
        let number = UInt(bitPattern: closure)
        return state.withLock { $0.targets[number] }
    }
}

/// What happens to a connection without anybody asking.
enum LinkEvent: Sendable {
    /// libnats has closed it for good.
    case closed
    /// The server said no to something: the text is the server's.
    case refused(String)
    /// Another error that libnats reports; nothing has to be done about it.
    case other(String)
}

/// The C functions that libnats calls, each on one of its own threads.
enum Callbacks {
    static let message: natsMsgHandler = { _, _, message, closure in
        guard let message else { return }
        // The message is copied and destroyed before anybody else sees it.
        let received = ReceivedMessage(consuming: message)
        if case .messages(let receive, _) = CallbackRegistry.shared.target(closure) { receive(received) }
    }

    static let completed: natsOnCompleteCB = { closure in
        CallbackRegistry.shared.abandon(UInt(bitPattern: closure))
    }

    static let closed: natsConnectionHandler = { _, closure in
        if case .connection(let receive) = CallbackRegistry.shared.target(closure) { receive(.closed) }
    }

    /// The subscription may be destroyed already (fixed in libnats 3.7.0), so it is not touched. libnats puts the text
    /// of just this error where `nats_GetLastError` finds it, on this thread and for the time of this call.
    static let error: natsErrHandler = { _, _, status, closure in
        guard case .connection(let receive) = CallbackRegistry.shared.target(closure) else { return }
        var lastStatus = NATS_OK
        let text = nats_GetLastError(&lastStatus).map { String(cString: $0) } ?? LibraryStatus(status).text
        receive(status == NATS_NOT_PERMITTED ? .refused(text) : .other(text))
    }
}
