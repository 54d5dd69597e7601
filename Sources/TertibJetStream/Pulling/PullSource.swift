import Synchronization
import TertibRuntime
import TertibCore

/// The deliveries of one durable consumer: a pull loop of our own over core subscriptions.
///
/// libnats' fetch is not used: 3.4.1 overruns its buffer and can hang. Each of the machine's slots has a subscription,
/// each request a fresh subject under it; what arrives is copied on libnats' thread and waits here until it is taken.
final class PullSource: DeliverySource {
    struct Buffered {
        let delivery: Delivery
        let size: Int
    }

    /// The subscriptions of one connection, or of the time between two pauses.
    struct Session {
        let number: Int
        let link: Link
        var targets: [UInt] = []
        var completed = 0

        var isComplete: Bool { completed >= targets.count }

        func subject(_ source: Int, slot: Int) -> String { "\(link.inbox).p\(source).\(number).\(slot)" }
    }

    struct State {
        var machine: PullMachine
        var buffer: [Buffered] = []
        var link: Link?
        /// An older link that is announced late is no news.
        var newestLink = Int.min
        var session: Session?
        var sessions = 0
        var listener: Int?
        var failure: EventLogError?
        var isSuspended = false
        var isClosed = false
        /// Ask whether the consumer is still the one that was subscribed to before anything more is handed out.
        var needsCheck = false
        /// The broker has said that the consumer was deleted, whatever stands under its name now.
        var wasDeleted = false
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 1
        var drained: [CheckedContinuation<Void, Never>] = []
        var lastTaken = ContinuousClock.now
        var lastExtended = ContinuousClock.now
    }

    let log: JetStreamLog
    let subscription: Subscription
    /// The consumer as it was subscribed to.
    let consumer: ConsumerDescription
    let streamCreatedAt: Timestamp
    let acknowledgementWait: Duration
    let number: Int
    let state: Mutex<State>
    private static let numbers = Atomic(0)
    private static let start = ContinuousClock.now

    init(
        _ log: JetStreamLog, _ subscription: Subscription, consumer: ConsumerDescription, streamCreatedAt: Timestamp
    ) {
        self.log = log
        self.subscription = subscription
        self.consumer = consumer
        self.streamCreatedAt = streamCreatedAt
        acknowledgementWait = consumer.acknowledgementWait ?? subscription.acknowledgementWait
        number = Self.numbers.add(1, ordering: .relaxed).newValue
        var limits = PullMachine.Limits(
            messages: max(1, subscription.pullLimit), bytes: max(1, subscription.byteLimit))
        limits.heartbeat = log.connection.options.pullHeartbeat
        if let limit = consumer.config["max_batch"].integer, limit > 0 { limits.requestMessages = Int(limit) }
        if let limit = StreamDescription.duration(consumer.config["max_expires"]) {
            limits.expiry = min(limits.expiry, limit)
        }
        limits.heartbeat = min(limits.heartbeat, limits.expiry / 2)
        state = Mutex(State(machine: PullMachine(limits)))
    }

    deinit {
        // The last owner is gone without a close: nobody can take deliveries any more.
        let listener = state.withLock { $0.listener }
        if let listener { log.connection.forget(listener) }
    }

    /// Begins to follow the connection.
    func start() {
        let listener = log.connection.listen { [weak self] change in self?.follow(change) }
        state.withLock { $0.listener = listener }
    }

    var now: Duration { ContinuousClock.now - Self.start }

    /// Sends what the machine decides, outside of the lock.
    func send(_ requests: [PullMachine.Request], of session: Session?) {
        guard let session else { return }
        let subject = "\(log.api.prefix).CONSUMER.MSG.NEXT.\(log.api.stream).\(subscription.durableName)"
        for request in requests {
            let body: JSONValue = [
                "batch": .integer(Int64(request.messages)), "max_bytes": .integer(Int64(request.bytes)),
                "expires": .integer(request.expiry.nanoseconds),
                "idle_heartbeat": .integer(request.heartbeat.nanoseconds),
            ]
            log.connection.enqueue(
                .publish(
                    OutgoingMessage(subject: subject, body: body.encoded),
                    reply: "\(session.subject(number, slot: request.slot)).\(request.token)",
                    link: session.link.number))
        }
    }

    /// Wakes everybody who waits in ``next(upTo:waiting:)``.
    func wake() {
        let waiters = state.withLock { state in
            defer { state.waiters = [:] }
            return state.waiters.values.map(\.self)
        }
        waiters.forEach { $0.resume() }
    }

    func fail(_ error: EventLogError) {
        state.withLock { state in
            if state.failure == nil { state.failure = error }
            state.machine.end()
        }
        wake()
    }
}
