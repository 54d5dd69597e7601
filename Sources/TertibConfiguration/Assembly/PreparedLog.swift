import Synchronization
import TertibRuntime
import TertibCore
import TertibJetStream

/// The log of a service: waits, in its first call, for the connection, and prepares the stream.
///
/// So a service starts at once, whether or not the broker is there; its loops wait as they always do, and settings of
/// the stream that would lose events stop whoever would use it. A stream that goes away later is not made again:
/// that is for a person to decide.
final class PreparedLog: EventLog {
    private enum State {
        case unprepared
        /// One call prepares, and these wait for what comes of it.
        case preparing([CheckedContinuation<Turn, Never>])
        case prepared
    }

    private enum Turn {
        case mine
        case ended(Result<Void, EventLogError>)
    }

    private let log: JetStreamLog
    private let connectionLimit: Duration
    private let preparation = Mutex(State.unprepared)

    /// Wraps a log whose first call waits at most `connectionLimit` for the connection.
    init(_ log: JetStreamLog, connectionLimit: Duration = .seconds(5)) {
        self.log = log
        self.connectionLimit = connectionLimit
    }

    func state() async throws(EventLogError) -> StreamState {
        try await prepare()
        return try await log.state()
    }

    func publish(_ message: WireMessage, expecting expectation: SubjectExpectation) async -> PublishOutcome {
        do {
            try await prepare()
        } catch {
            return .refused(error)
        }
        return await log.publish(message, expecting: expectation)
    }

    func message(at sequence: StreamSequence, from source: ReadSource) async throws(EventLogError) -> LoggedMessage? {
        try await prepare()
        return try await log.message(at: sequence, from: source)
    }

    func firstMessage(
        on subject: String, from sequence: StreamSequence, source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try await prepare()
        return try await log.firstMessage(on: subject, from: sequence, source: source)
    }

    func lastMessage(on subject: String, from source: ReadSource) async throws(EventLogError) -> LoggedMessage? {
        try await prepare()
        return try await log.lastMessage(on: subject, from: source)
    }

    func subscribe(_ subscription: Subscription) async throws(EventLogError) -> any DeliverySource {
        try await prepare()
        return try await log.subscribe(subscription)
    }

    func consumerState(_ name: String) async throws(EventLogError) -> LogConsumerState? {
        try await prepare()
        return try await log.consumerState(name)
    }

    func close() async {
        await log.close()
    }

    /// Prepares the stream, once; calls that come meanwhile share the outcome, and the next call after a failure tries
    /// again.
    private func prepare() async throws(EventLogError) {
        let turn = await withCheckedContinuation { waiter in
            let turn: Turn? = preparation.withLock { state in
                switch state {
                case .prepared:
                    return .ended(.success(()))
                case .unprepared:
                    state = .preparing([])
                    return .mine
                case .preparing(let waiters):
                    state = .preparing(waiters + [waiter])
                    return nil
                }
            }
            if let turn { waiter.resume(returning: turn) }
        }
        switch turn {
        case .ended(let outcome): try outcome.get()
        case .mine: try await prepareNow()
        }
    }

    private func prepareNow() async throws(EventLogError) {
        let outcome: Result<Void, EventLogError>
        do {
            try await log.waitUntilConnected(within: connectionLimit)
            try await log.prepareStream()
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        let waiters: [CheckedContinuation<Turn, Never>] = preparation.withLock { state in
            guard case .preparing(let waiters) = state else { return [] }
            if case .success = outcome { state = .prepared } else { state = .unprepared }
            return waiters
        }
        for waiter in waiters { waiter.resume(returning: .ended(outcome)) }
        try outcome.get()
    }
}
