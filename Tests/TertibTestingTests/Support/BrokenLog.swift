import TertibRuntime
import TertibCore

/// A log that passes everything on to another, but for the rule that a subclass breaks.
///
/// `@unchecked Sendable`: neither it nor any subclass has a variable.
class BrokenLog: EventLog, @unchecked Sendable {
    let base: any EventLog

    required init(_ base: any EventLog) { self.base = base }

    func state() async throws(EventLogError) -> StreamState { try await base.state() }
    func publish(_ message: WireMessage, expecting expectation: SubjectExpectation) async -> PublishOutcome {
        await base.publish(message, expecting: expectation)
    }
    func message(
        at sequence: StreamSequence, from source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
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
        wrap(try await base.subscribe(subscription))
    }
    func wrap(_ source: any DeliverySource) -> any DeliverySource { source }
    func consumerState(_ name: String) async throws(EventLogError) -> LogConsumerState? {
        try await base.consumerState(name)
    }
    func close() async { await base.close() }
}

/// Deliveries that pass everything on, but for the rule that a subclass breaks.
///
/// `@unchecked Sendable`: neither it nor any subclass has a variable.
class BrokenSource: DeliverySource, @unchecked Sendable {
    let base: any DeliverySource

    init(_ base: any DeliverySource) { self.base = base }

    func next(upTo limit: Int, waiting wait: Duration) async throws(EventLogError) -> [Delivery] {
        try await base.next(upTo: limit, waiting: wait)
    }
    func answer(_ answer: DeliveryAnswer, to deliveries: [Delivery]) async {
        await base.answer(answer, to: deliveries)
    }
    func suspend() async -> [Delivery] { await base.suspend() }
    func close() async { await base.close() }
}
