import TertibRuntime
import TertibCore

/// A replica's connection to the simulated broker: every call takes its time, so that others get their turn, and may be
/// the one that fails.
final class SimulatedLog: EventLog {
    private let inner: MemoryLog
    private unowned let replica: SimulatedReplica
    private unowned let life: SimulatedReplica.Life

    init(_ inner: MemoryLog, replica: SimulatedReplica, life: SimulatedReplica.Life) {
        self.inner = inner
        self.replica = replica
        self.life = life
    }

    func state() async throws(EventLogError) -> StreamState {
        try await call("ask for the stream's state")
        return try await inner.state()
    }

    func publish(_ message: WireMessage, expecting expectation: SubjectExpectation) async -> PublishOutcome {
        do {
            try await call("publish to \(message.subject)")
        } catch {
            return .unknown(error)
        }
        var outcome = await inner.publish(message, expecting: expectation)
        if replica.world.fails(.publishAnswerLost, \.publishes) {
            outcome = .unknown(
                EventLogError(.timedOut, attempted: "publish to \(message.subject)", reason: "planned"))
        }
        replica.note(outcome, of: message)
        await replica.hop()
        return outcome
    }

    func message(at sequence: StreamSequence, from source: ReadSource) async throws(EventLogError) -> LoggedMessage? {
        try await call("read message \(sequence)")
        replica.world.meet(.repairByPointer)
        let message = try await inner.message(at: sequence, from: source)
        await replica.hop()
        return message
    }

    func firstMessage(
        on subject: String, from sequence: StreamSequence, source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try await call("search \(subject)")
        replica.world.meet(.repairBySearch)
        let message = try await inner.firstMessage(on: subject, from: sequence, source: source)
        await replica.hop()
        return message
    }

    func lastMessage(on subject: String, from source: ReadSource) async throws(EventLogError) -> LoggedMessage? {
        try await call("read the end of \(subject)")
        return try await inner.lastMessage(on: subject, from: source)
    }

    func subscribe(_ subscription: Subscription) async throws(EventLogError) -> any DeliverySource {
        try await call("subscribe")
        return SimulatedSource(try await inner.subscribe(subscription), replica: replica, life: life)
    }

    func consumerState(_ name: String) async throws(EventLogError) -> LogConsumerState? {
        try await call("ask for the consumer")
        return try await inner.consumerState(name)
    }

    func close() async { await inner.close() }

    /// On the way to the broker; the n-th call of the run may fail.
    private func call(_ attempted: String) async throws(EventLogError) {
        await replica.hop()
        guard replica.world.fails(.logAway, \.logCalls) else { return }
        replica.world.note("could not \(attempted), as planned")
        throw EventLogError(.unavailable, attempted: attempted, reason: "planned")
    }
}

/// The deliveries of a simulated replica.
final class SimulatedSource: DeliverySource {
    private let inner: any DeliverySource
    private unowned let replica: SimulatedReplica
    private unowned let life: SimulatedReplica.Life

    init(_ inner: any DeliverySource, replica: SimulatedReplica, life: SimulatedReplica.Life) {
        self.inner = inner
        self.replica = replica
        self.life = life
    }

    func next(upTo limit: Int, waiting wait: Duration) async throws(EventLogError) -> [Delivery] {
        let deliveries = try await inner.next(upTo: limit, waiting: wait)
        guard !deliveries.isEmpty else { return [] }
        if replica.world.fails(.fetchLost, \.fetches) {
            replica.world.note(
                "never receives \(deliveries.map { "\($0.sequence)" }.joined(separator: " ")), as planned")
            return []
        }
        life.received += deliveries.count
        replica.world.take(deliveries, in: life)
        replica.world.meet(.redelivery, deliveries.count { $0.attempt > 1 })
        replica.world.note("receives \(deliveries.map { "\($0.sequence)" }.joined(separator: " "))")
        return deliveries
    }

    func answer(_ answer: DeliveryAnswer, to deliveries: [Delivery]) async {
        replica.world.answered(answer, deliveries, by: life)
        if answer != .inProgress { for delivery in deliveries { life.inHand[delivery.sequence] = nil } }
        await replica.hop()
        guard deliveries.isEmpty || !replica.world.fails(.answerLost, \.answers) else {
            return replica.world.note("is not heard, as planned")
        }
        await inner.answer(answer, to: deliveries)
    }

    func suspend() async -> [Delivery] {
        let untaken = await inner.suspend()
        life.received += untaken.count
        return untaken
    }

    func close() async { await inner.close() }
}
