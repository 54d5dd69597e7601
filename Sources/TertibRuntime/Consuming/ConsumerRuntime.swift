import Logging
import Synchronization
import TertibCore

/// What the loops of one running consumer share.
struct ConsumerRuntime: Sendable {
    let settings: ConsumerSettings
    let codec: WireCodec
    let handlers: Handlers
    let log: any EventLog
    let store: any ConsumerStore
    let source: any DeliverySource
    let applier: BatchApplier
    let desk: InFlightDeliveries
    let counters: ConsumerCounters
    let context: RuntimeContext
    let board: SweepRequests
    let logger: Logger
    /// Wakes the relay after a handler has staged events.
    let wakeRelay: @Sendable () -> Void

    /// Logs and counts what a committed transaction did.
    func note(_ report: BatchReport) {
        counters.committed(report, delivered: desk.holds)
        board.add(parked: report.parkedRows - report.drained - report.retried)
        if report.parkedRows > 0 || report.hasLeftovers || !report.failures.isEmpty { board.ask() }
        if report.hasStaged { wakeRelay() }
        for failure in report.failures {
            let metadata: Logger.Metadata = [
                LogKey.aggregate: "\(failure.aggregate)", LogKey.version: "\(failure.version)",
                LogKey.eventID: "\(failure.eventID)", LogKey.error: "\(failure.error)",
                LogKey.attempts: "\(failure.attempts)",
            ]
            switch failure.deadLetter {
            case nil:
                logger.warning("the handler failed, the event will be tried again", metadata: metadata)
            case .forked? where failure.isQuarantined:
                logger.critical(
                    "two events have one version, and the later one was applied: the aggregate is quarantined",
                    metadata: metadata)
            case .forked?:
                logger.critical("two events have one version, one of them is a dead letter", metadata: metadata)
            case .some:
                logger.error("the event is a dead letter, its aggregate is quarantined", metadata: metadata)
            }
        }
        for watermark in report.released {
            logger.notice(
                "of two events of one version the earlier one was applied after all: the quarantine is lifted",
                metadata: [LogKey.aggregate: "\(watermark.aggregate)", LogKey.version: "\(watermark.version)"])
        }
    }
}

/// What the sweeper and the apply loop tell each other.
final class SweepRequests: Sendable {
    private struct State {
        var isAsked = true
        var crowded: Set<Aggregate> = []
        var parked = 0
    }
    private let state = Mutex(State())

    /// Asks for a sweep soon.
    func ask() { state.withLock { $0.isAsked = true } }

    /// Asks for a sweep soon, because these aggregates have no room left for parked rows.
    func ask(crowded aggregates: [Aggregate]) {
        state.withLock { state in
            state.isAsked = true
            state.crowded.formUnion(aggregates)
        }
    }

    /// The aggregates that have had no room left since the last call.
    func takeCrowded() -> Set<Aggregate> {
        state.withLock { state in
            defer { state.crowded = [] }
            return state.crowded
        }
    }

    /// Takes the question away; whether there was one.
    func takeQuestion() -> Bool {
        state.withLock { state in
            defer { state.isAsked = false }
            return state.isAsked
        }
    }

    /// How many rows were parked at the last count, and by this replica since.
    var parked: Int { state.withLock { $0.parked } }

    func count(parked: Int) { state.withLock { $0.parked = parked } }

    func add(parked: Int) { state.withLock { $0.parked = max(0, $0.parked + parked) } }
}
