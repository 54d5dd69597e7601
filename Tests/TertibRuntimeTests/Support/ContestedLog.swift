import Synchronization
import TertibCore

@testable import TertibRuntime

/// A log whose broker has another message of every subject on its way at first, as a replicated stream may.
final class ContestedLog: EventLog {
    /// What becomes of that message.
    enum Fate: CaseIterable, Sendable {
        /// It is lost with the stream's leader.
        case isLost
        /// It is stored a moment later.
        case arrives
        /// It is an earlier attempt of the publish that finds it, and is stored a moment later.
        case isThisOne
    }

    private let base: any EventLog
    private let conflicting: WireMessage
    private let fate: Fate
    private let attempts = Mutex(2)

    /// How many publishes will still find it.
    var remaining: Int { attempts.withLock { $0 } }

    init(_ base: any EventLog, conflicting: WireMessage, fate: Fate) {
        self.base = base
        self.conflicting = conflicting
        self.fate = fate
    }

    func publish(_ message: WireMessage, expecting expectation: SubjectExpectation) async -> PublishOutcome {
        let isLast = attempts.withLock { attempts -> Bool? in
            guard attempts > 0 else { return nil }
            attempts -= 1
            return attempts == 0
        }
        guard let isLast else { return await base.publish(message, expecting: expectation) }
        if isLast {
            switch fate {
            case .isLost: break
            case .arrives: _ = await base.publish(conflicting, expecting: expectation)
            case .isThisOne: _ = await base.publish(message, expecting: expectation)
            }
        }
        return .unexpected(actual: nil)
    }

    func state() async throws(EventLogError) -> StreamState { try await base.state() }

    func message(at sequence: StreamSequence, from source: ReadSource) async throws(EventLogError) -> LoggedMessage? {
        try await base.message(at: sequence, from: source)
    }

    func firstMessage(
        on subject: String, from sequence: StreamSequence, source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try await base.firstMessage(on: subject, from: sequence, source: source)
    }

    func lastMessage(on subject: String, from source: ReadSource) async throws(EventLogError) -> LoggedMessage? {
        try await base.lastMessage(on: subject, from: source)
    }

    func subscribe(_ subscription: Subscription) async throws(EventLogError) -> any DeliverySource {
        try await base.subscribe(subscription)
    }

    func consumerState(_ name: String) async throws(EventLogError) -> LogConsumerState? {
        try await base.consumerState(name)
    }

    func close() async { await base.close() }
}
