import Logging
import Synchronization
import TertibCore

/// A consumer that is tied to its database and its stream: what its loops share.
struct ConsumerSession: Sendable {
    let environment: ConsumerEnvironment
    let registration: ConsumerRegistration
    let source: any DeliverySource
    let applier: BatchApplier
    let deliveries = InFlightDeliveries()
    let sweeps: SweepRequests

    init(_ environment: ConsumerEnvironment, registration: ConsumerRegistration, source: any DeliverySource) {
        self.environment = environment
        self.registration = registration
        self.source = source
        sweeps = SweepRequests()
        applier = BatchApplier(environment, registration: registration, sweeps: sweeps)
    }

    var settings: ConsumerSettings { environment.settings }
    var time: any TimeSource { environment.time }
    var logger: Logger { environment.logger }

    /// Refuses to go on when the stream has become another one.
    func checkStream() async throws {
        try registration.check(try await environment.log.state(), for: settings.name)
    }

    /// What decoding makes of a message.
    enum Decoded {
        case prepared(PreparedArrival)
        case malformed(MalformedArrival)
        case ignored
    }

    /// Decodes a message, outside any transaction.
    func decode(
        _ message: WireMessage, sequence: StreamSequence, ticket: Arrival.Ticket, origin: Arrival.Origin
    ) -> Decoded {
        let codec = environment.codec
        let aggregate = try? codec.mapping.aggregate(of: message.subject)  // a subject may be malformed too
        if let aggregate, let wanted = settings.aggregates, !wanted.contains(aggregate.type) { return .ignored }
        do {
            let envelope = try codec.decode(message)
            let arrival = Arrival(
                ticket: ticket, origin: origin, envelope: envelope, message: message, sequence: sequence)
            return .prepared(
                PreparedArrival(arrival: arrival, application: environment.handlers.prepare(envelope)))
        } catch {
            return .malformed(
                MalformedArrival(
                    ticket: ticket, message: message, sequence: sequence, reason: error, aggregate: aggregate))
        }
    }

    /// Negative-acknowledges everything that arrived and did not commit.
    func giveBack(delay: Duration) async {
        let untaken = await source.suspend()
        environment.counters.received(untaken.count)
        _ = deliveries.take(untaken)
        let all = deliveries.releaseAll()
        environment.counters.letGo(all.count)
        await source.answer(.negativeAcknowledge(delay: delay), to: all)
    }
}

// MARK: - Recording

extension ConsumerSession {
    /// Logs and counts what a committed transaction did.
    func record(_ report: BatchReport, of batch: Batch) {
        environment.counters.committed(report, of: batch)
        sweeps.add(parked: report.parkedRows - report.drained - report.retried)
        if report.parkedRows > 0 || report.hasLeftovers || !report.failures.isEmpty { sweeps.request() }
        if report.hasStaged { environment.wakeRelay() }
        for failure in report.failures { log(failure) }
        for reason in report.givenBack {
            logger.error(
                "an event can be neither applied nor set aside, it is given back",
                metadata: [LogKey.error: "\(reason)"])
        }
        for watermark in report.released {
            logger.notice(
                "of two events of one version the earlier one was applied after all: the quarantine is lifted",
                metadata: [LogKey.aggregate: "\(watermark.aggregate)", LogKey.version: "\(watermark.version)"])
        }
        for (item, disposition) in zip(batch.malformed, report.malformed) where disposition == .deadLettered {
            logger.error(
                "a message that breaks the wire contract is a dead letter",
                metadata: [
                    LogKey.subject: "\(item.message.subject.debugDescription)", LogKey.sequence: "\(item.sequence)",
                    LogKey.reason: "\(item.reason)",
                ])
        }
    }

    private func log(_ failure: FailureNote) {
        let metadata: Logger.Metadata = [
            LogKey.aggregate: "\(failure.event.aggregate)", LogKey.version: "\(failure.event.version)",
            LogKey.eventID: "\(failure.event.eventID)", LogKey.error: "\(failure.error)",
            LogKey.attempts: "\(failure.attempts)",
        ]
        switch failure.deadLetter {
        case nil:
            logger.warning("the handler failed, the event will be tried again", metadata: metadata)
        case .forked? where failure.isWrongBranch:
            logger.critical(
                "two events have one version, and the later one was applied: the aggregate is quarantined",
                metadata: metadata)
        case .forked?:
            logger.critical("two events have one version, one of them is a dead letter", metadata: metadata)
        case .some:
            logger.error("the event is a dead letter, its aggregate is quarantined", metadata: metadata)
        }
    }
}

// MARK: - Shared state

/// The deliveries that this replica has taken from the log and not yet answered for good.
final class InFlightDeliveries: Sendable {
    private struct State {
        var nextTicket = 1
        var inHand: [Arrival.Ticket: Delivery] = [:]
        var pending: UInt64 = 0

        mutating func mint() -> Arrival.Ticket {
            defer { nextTicket += 1 }
            return Arrival.Ticket(nextTicket)
        }
    }
    private let state = Mutex(State())

    /// Takes deliveries in, and gives each a ticket, in order.
    func take(_ deliveries: [Delivery]) -> [(ticket: Arrival.Ticket, delivery: Delivery)] {
        state.withLock { state in
            if let last = deliveries.last { state.pending = last.pending }
            return deliveries.map { delivery in
                let ticket = state.mint()
                state.inHand[ticket] = delivery
                return (ticket, delivery)
            }
        }
    }

    /// A ticket for an event that no delivery brought.
    func ticket() -> Arrival.Ticket { state.withLock { $0.mint() } }

    /// Hands the deliveries of `tickets` out for their final answer, in order; tickets without a delivery are left out.
    func release(_ tickets: [Arrival.Ticket]) -> [Delivery] {
        state.withLock { state in tickets.compactMap { state.inHand.removeValue(forKey: $0) } }
    }

    /// Hands everything out, in order.
    func releaseAll() -> [Delivery] {
        state.withLock { state in
            defer { state.inHand = [:] }
            return state.inHand.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// Everything in hand, in order of arrival.
    var inHand: [Delivery] {
        state.withLock { state in state.inHand.sorted { $0.key < $1.key }.map(\.value) }
    }

    /// How many messages the broker had not delivered yet when it delivered the last one here.
    var pending: UInt64 { state.withLock { $0.pending } }
}

/// What the sweeper is asked for, and what it has counted.
final class SweepRequests: Sendable {
    private struct State {
        var isRequested = true
        var withoutRoom: Set<Aggregate> = []
        var parked = 0
    }
    private let state = Mutex(State())

    /// Requests a sweep soon.
    func request() { state.withLock { $0.isRequested = true } }

    /// Requests a sweep soon, because these aggregates have no room left for parked rows.
    func request(withoutRoom aggregates: [Aggregate]) {
        state.withLock { state in
            state.isRequested = true
            state.withoutRoom.formUnion(aggregates)
        }
    }

    /// Takes the request away; whether there was one.
    func take() -> Bool {
        state.withLock { state in
            defer { state.isRequested = false }
            return state.isRequested
        }
    }

    /// The aggregates that have had no room left since the last call.
    func takeWithoutRoom() -> Set<Aggregate> {
        state.withLock { state in
            defer { state.withoutRoom = [] }
            return state.withoutRoom
        }
    }

    /// How many rows are parked, as far as this replica knows.
    var parked: Int { state.withLock { $0.parked } }

    /// Counts what a transaction of this replica has added or taken away.
    func add(parked difference: Int) { state.withLock { $0.parked = max(0, $0.parked + difference) } }

    /// Sets what was counted in the database.
    func count(parked: Int) { state.withLock { $0.parked = parked } }
}

/// Every third of the acknowledgement wait it says in-progress for what is delivered and not finished, and checks whether
/// the stream is still the consumer's: one that was created anew may have a durable consumer of the same name, whose
/// deliveries look like any other.
struct ProgressLoop: Sendable {
    let session: ConsumerSession

    /// Runs until cancelled.
    func run() async throws {
        while true {
            try await session.time.sleep(for: session.settings.acknowledgementWait / 3)
            let inHand = session.deliveries.inHand
            if !inHand.isEmpty { await session.source.answer(.inProgress, to: inHand) }
            do {
                try await session.checkStream()
            } catch is EventLogError {
                // The broker is away, or the stream is gone: the loop that receives from it waits, or ends with the reason.
            }
        }
    }
}
