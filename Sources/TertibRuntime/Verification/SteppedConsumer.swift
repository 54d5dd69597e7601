package import TertibCore

/// A consumer's decisions without its loops: what one transaction does, and what becomes of its deliveries. The explorer
/// runs it on a store that stops it at every call; the apply loop and the sweeper run the same code.
package struct SteppedConsumer: Sendable {
    private let settings: ConsumerSettings
    private let handlers: Handlers
    private let staging: Staging
    private let context: RuntimeContext
    private let registration: ConsumerRegistration
    private let drainLimit: Int

    /// Creates a consumer whose transactions apply at most `drainLimit` events to an aggregate.
    package init(
        settings: ConsumerSettings, handlers: Handlers, codec: WireCodec, source: EventSource,
        context: RuntimeContext, registration: ConsumerRegistration, drainLimit: Int
    ) {
        self.settings = settings
        self.handlers = handlers
        staging = Staging(codec: codec, source: source, publishes: [:], context: context)
        self.context = context
        self.registration = registration
        self.drainLimit = drainLimit
    }

    /// What a transaction is about.
    package struct Work: Sendable {
        package var arrivals: [Arrival] = []
        package var holdable: Set<Arrival.Ticket> = []
        package var wakes: Set<Aggregate> = []
        /// Whether every event has a savepoint, because one of them has failed before.
        package var isCareful = false
        /// Events that ended a transaction before.
        package var blamed: [PassEvent] = []

        package init() {}
    }

    /// How a transaction's body has ended.
    package enum Outcome: Sendable {
        /// It wants to commit.
        case finished(Settlement)
        /// A handler has failed: the batch is rolled back, and tried again carefully.
        case handlerFailed
        /// An event has ended the transaction: the batch is tried again without running it.
        case transactionLost(AggregateVersion, of: Aggregate)
        /// A neighbour was faster: the batch is rolled back, and joins the next one.
        case conflict
        /// Something else was thrown.
        case failed(String)
    }

    /// What a committed transaction leaves behind.
    package struct Settlement: Sendable {
        /// What became of the deliveries.
        package let dispositions: [Arrival.Ticket: Disposition]
        /// The deliveries to acknowledge, in order.
        package let acknowledged: [Arrival.Ticket]
        /// The deliveries that join the next batch.
        package let carried: [Arrival.Ticket]
        /// Of these: those that wait for a neighbour's commit.
        package let held: [Arrival.Ticket]
        /// Whether an aggregate has more to drain than one transaction may.
        package let hasLeftovers: Bool
        /// Whether a limit of the parked rows was reached: then a replica pauses if there is no room for long, and gives
        /// everything back.
        package let isLimited: Bool
        /// How many aggregates' claims were lost.
        package let conflicts: Int
        /// How many events were applied after a failure.
        package let retried: Int
    }

    /// Runs a transaction's body up to its commit.
    /// - Throws: the fault by which the store stops it.
    package func run(_ work: Work, in transaction: any StoreTransaction) throws -> Outcome {
        var batch = Batch()
        batch.arrivals = work.arrivals.map { arrival in
            PreparedArrival(arrival: arrival, application: handlers.prepare(arrival.envelope))
        }
        batch.holdable = work.holdable
        batch.wakes = work.wakes
        var run = BatchRun(
            settings: settings, codec: staging.codec, handlers: handlers, staging: staging, context: context,
            registration: registration, knownParked: 0, batch: batch, mode: mode(of: work))
        run.drainLimit = drainLimit
        do {
            return .finished(settlement(of: batch, try run.run(in: transaction)))
        } catch is HandlerFailed {
            return .handlerFailed
        } catch let lost as TransactionLost {
            return .transactionLost(lost.blame.version, of: lost.blame.aggregate)
        } catch let error as StoreError where error.isRetriable {
            return .conflict
        } catch {
            return .failed("\(error)")
        }
    }

    /// What a sweep finds to do.
    package func sweep(in transaction: any StoreTransaction) throws -> (wakes: Set<Aggregate>, gaps: [Gap]) {
        let findings = try SweepFindings(settings, limit: 64, gapLimit: 64, in: transaction)
        return (findings.wakes, findings.gaps)
    }

    private func mode(of work: Work) -> BatchRun.Mode {
        guard work.isCareful else { return .fast }
        let failure = HandlerFailure("it has ended the transaction before")
        let blamed = work.blamed.map { event in
            (Blame(aggregate: event.aggregate, version: event.version, eventID: event.eventID), failure)
        }
        return .careful(blamed: Dictionary(blamed) { first, _ in first }, until: .seconds(1))
    }

    private func settlement(of batch: Batch, _ report: BatchReport) -> Settlement {
        let carried = Backlog().remaining(of: batch, after: report, now: .zero)
        var next = Batch()
        carried.join(&next, now: .zero, hold: settings.gapHold, limit: .max)
        let tickets = next.arrivals.map(\.arrival.ticket)
        return Settlement(
            dispositions: report.dispositions, acknowledged: report.settled(of: batch), carried: tickets,
            held: tickets.filter { report.dispositions[$0] == .held }, hasLeftovers: report.hasLeftovers,
            isLimited: !report.reachedLimits.isEmpty, conflicts: report.conflicts, retried: report.retried)
    }
}
