import Dispatch
import Foundation
import Logging
import Synchronization
import TertibCore

/// The way to the broker: always one libnats connection, or the next attempt to make one.
///
/// One thread, the I/O thread, makes every call of libnats that may block; libnats' own threads bring what arrives.
/// Whoever asks waits in a continuation, so that nothing blocks the cooperative pool. A connection that libnats closes
/// is replaced by a fresh one, with back-off and jitter, for ever.
final class Connection: Sendable {
    /// The state that every thread may read.
    struct State {
        var link: Link?
        var deafness: Deafness?
        /// Why there is no link.
        var trouble = EventLogError(.unavailable, attempted: "reach the broker", reason: "not connected yet")
        /// Whether the trouble needs a person.
        var isHopeless = false
        var isClosed = false
        var ticker: Ticker?
        var discoveredServers: [String] = []
        var versions: KnownVersions?
        var listeners: [Int: @Sendable (LinkChange) -> Void] = [:]
        var waiters: [Int: CheckedContinuation<Result<Link, EventLogError>, Never>] = [:]
        var ended: [CheckedContinuation<Void, Never>] = []
        var hasEnded = false
        var nextNumber = 1
    }

    /// Why no answer can arrive on a link, although there is one.
    struct Deafness {
        let link: Int
        let error: EventLogError
    }

    let options: JetStreamOptions
    let requests = RequestTable()
    let queue = CommandQueue()
    let logger: Logger
    let state = Mutex(State())

    init(_ options: JetStreamOptions, logger: Logger) {
        self.options = options
        self.logger = logger
    }

    /// Starts the I/O thread, which keeps this object alive until ``close()``.
    func start() {
        let ticker = Ticker { [weak self] in self?.tick() }
        state.withLock { $0.ticker = ticker }
        let thread = Thread {
            var loop = InputOutputLoop(self)
            loop.run()
        }
        thread.name = "tertib-nats"
        thread.start()
    }

    /// Ends the I/O thread after everything that was asked for before has been sent. Returns at once.
    func stop() {
        state.withLock { $0.isClosed = true }
        enqueue(.stop)
    }

    /// Ends the connection and waits for it. Idempotent.
    func close() async {
        stop()
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                let isRunning = !state.hasEnded && state.ticker != nil
                if isRunning { state.ended.append(continuation) }
                return !isRunning
            }
            if hasEnded { continuation.resume() }
        }
    }

    /// The connection, if there is one.
    func link() throws(EventLogError) -> Link {
        let result = state.withLock { state -> Result<Link, EventLogError> in
            if state.isClosed { return .failure(Self.closed) }
            if let deafness = state.deafness, deafness.link == state.link?.number { return .failure(deafness.error) }
            return state.link.map { .success($0) } ?? .failure(state.trouble)
        }
        return try result.get()
    }

    static let closed = EventLogError(.closed, attempted: "use the event log", reason: "it was closed")

    /// Sends a request and waits for its answer, at most as long as `limit`.
    func request(_ message: OutgoingMessage, within limit: Duration) async -> RequestOutcome {
        do throws(EventLogError) { _ = try link() } catch { return .notSent(error) }
        return await withCheckedContinuation { continuation in
            let token = requests.add(
                subject: message.subject, deadline: .now + limit, continuation: continuation)
            enqueue(.request(token: token, message))
        }
    }

    /// Waits until the server has seen all that was sent before.
    /// - Returns: whether it has.
    func flush() async -> Bool {
        guard (try? link()) != nil else { return false }
        return await withCheckedContinuation { enqueue(.flush($0)) }
    }

    /// Hands a command to the I/O thread, or says at once that it will not be done.
    func enqueue(_ command: Command) {
        if !queue.append(command) { refuse(command) }
    }

    /// Without a connection nothing is kept for later: its caller learns so at once.
    func refuse(_ command: Command) {
        switch command {
        case .request(let token, let message):
            let reason = state.withLock { state in
                if state.isClosed { return "the event log was closed" }
                return state.link == nil ? state.trouble.reason : "too many bytes wait for the socket already"
            }
            requests.finish(
                token,
                .notSent(EventLogError(.unavailable, attempted: "send to \(message.subject)", reason: reason)))
        case .flush(let continuation): continuation.resume(returning: false)
        case .subscribe(_, let target, _), .drain(let target, _): CallbackRegistry.shared.abandon(target)
        case .publish, .answers, .lost, .stop: break
        }
    }

    /// Waits for a connection, at most as long as `limit`.
    /// - Throws: at once when the credentials were refused several times or the settings are unusable.
    func waitUntilUp(within limit: Duration) async throws(EventLogError) -> Link {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Link, EventLogError>, Never>) in
            let (number, known) = state.withLock { state -> (Int, Result<Link, EventLogError>?) in
                if state.isClosed { return (0, .failure(Self.closed)) }
                if let link = state.link { return (0, .success(link)) }
                if state.isHopeless { return (0, .failure(state.trouble)) }
                defer { state.nextNumber += 1 }
                state.waiters[state.nextNumber] = continuation
                return (state.nextNumber, nil)
            }
            if let known { return continuation.resume(returning: known) }
            // A timer and no task: a task that sleeps would have to be found and cancelled when the link comes.
            DispatchQueue.global().asyncAfter(deadline: .now() + limit.timeInterval) { [weak self] in
                self?.giveUp(waiter: number)
            }
        }
        return try result.get()
    }

    private func giveUp(waiter number: Int) {
        let (waiter, trouble) = state.withLock { ($0.waiters.removeValue(forKey: number), $0.trouble) }
        waiter?.resume(returning: .failure(trouble))
    }

    /// Tells `listener` about every change from now on, first about the connection that is there. It is called on
    /// several threads, and must not block.
    /// - Returns: the number to ``forget(_:)``.
    func listen(_ listener: @escaping @Sendable (LinkChange) -> Void) -> Int {
        let (number, link) = state.withLock { state in
            defer { state.nextNumber += 1 }
            state.listeners[state.nextNumber] = listener
            return (state.nextNumber, state.link)
        }
        if let link { listener(.up(link)) }
        return number
    }

    func forget(_ listener: Int) {
        _ = state.withLock { $0.listeners.removeValue(forKey: listener) }
    }

    func announce(_ change: LinkChange) {
        for listener in state.withLock({ $0.listeners.values.map(\.self) }) { listener(change) }
    }

    private func tick() {
        requests.expire(now: .now)
        announce(.tick)
    }

    /// The I/O thread's last act.
    func ended() {
        for command in queue.close() { refuse(command) }
        requests.failAll(Self.closed)
        let (waiters, ended) = state.withLock { state in
            defer {
                state.waiters = [:]
                state.ended = []
                state.listeners = [:]
                state.hasEnded = true
                state.ticker = nil
                state.link = nil
            }
            return (state.waiters.values.map(\.self), state.ended)
        }
        waiters.forEach { $0.resume(returning: .failure(Self.closed)) }
        ended.forEach { $0.resume() }
    }
}

extension Duration {
    var timeInterval: Double { Double(nanoseconds) / 1_000_000_000 }
}
