import Dispatch
import Synchronization
import TertibCore

/// What the I/O thread is asked to do.
enum Command: Sendable {
    /// Send a request, if its caller still waits.
    case request(token: UInt64, OutgoingMessage)
    /// Send a message without waiting for anything; `link` says on which connection it makes sense.
    case publish(OutgoingMessage, reply: String?, link: Int?)
    /// Send one body to many subjects: answers to deliveries.
    case answers(subjects: [String], body: [UInt8])
    /// Subscribe; the target stands in the callback registry.
    case subscribe(subject: String, target: UInt, link: Int)
    /// End a subscription after everything that was sent to it.
    case drain(target: UInt, link: Int)
    /// Say when the server has seen all that was sent.
    case flush(CheckedContinuation<Bool, Never>)
    /// The connection was closed by libnats.
    case lost(link: Int)
    /// Close the connection for good.
    case stop
}

/// The way to the I/O thread: unbounded in form, bounded by its callers (each request waits for its answer, each answer
/// belongs to a delivery), and measured here so that a stuck socket is noticed.
final class CommandQueue: Sendable {
    /// More bytes than this are not taken from publishers: the socket is stuck.
    static let byteLimit = 64 << 20

    private struct State {
        var commands: [Command] = []
        var bytes = 0
        var isWaiting = false
        var isClosed = false
    }
    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)

    /// - Returns: whether it was taken: not after the queue was closed, and not a request when the socket is stuck.
    func append(_ command: Command) -> Bool {
        let size = command.size
        let (taken, wakes) = state.withLock { state -> (Bool, Bool) in
            if state.isClosed { return (false, false) }
            if case .request = command, state.bytes + size > Self.byteLimit, state.bytes > 0 { return (false, false) }
            state.commands.append(command)
            state.bytes += size
            defer { state.isWaiting = false }
            return (true, state.isWaiting)
        }
        if wakes { wake.signal() }
        return taken
    }

    /// All commands that wait; blocks until there is one, or until `deadline`. Called by the I/O thread alone.
    func take(until deadline: DispatchTime = .distantFuture) -> [Command] {
        while true {
            let commands = state.withLock { state -> [Command] in
                defer {
                    state.commands = []
                    state.bytes = 0
                }
                state.isWaiting = state.commands.isEmpty
                return state.commands
            }
            if !commands.isEmpty { return commands }
            if wake.wait(timeout: deadline) == .timedOut {
                let wasWoken = state.withLock { state in
                    defer { state.isWaiting = false }
                    return !state.isWaiting
                }
                // Somebody has appended between the timeout and here: take the signal with the command.
                if wasWoken { wake.wait() } else { return [] }
            }
        }
    }

    /// Takes nothing more, and gives back what waits.
    func close() -> [Command] {
        state.withLock { state in
            state.isClosed = true
            defer {
                state.commands = []
                state.bytes = 0
            }
            return state.commands
        }
    }
}

extension Command {
    fileprivate var size: Int {
        switch self {
        case .request(_, let message), .publish(let message, _, _):
            message.subject.utf8.count + message.body.count
                + message.headers.reduce(0) { $0 + $1.name.count + $1.value.count }
        case .answers(let subjects, let body): subjects.count * (64 + body.count)
        case .subscribe, .drain, .flush, .lost, .stop: 0
        }
    }
}
