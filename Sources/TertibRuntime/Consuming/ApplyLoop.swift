import Logging
import TertibCore

/// Takes what the log delivers, applies it batch by batch, and acknowledges what has committed. While one batch
/// commits, the next one is fetched and decoded.
struct ApplyLoop: Sendable {
    let session: ConsumerSession

    /// How long a fetch waits when there is nothing else to do.
    private static let idleWait: Duration = .seconds(1)
    /// Number of whole transactions lost in a row after which the database counts as away.
    private static let lossLimit = 8
    /// Maximum number of deliveries that wait in memory for another replica's commit.
    private static let heldLimit = 256

    /// What a fetch has brought.
    private struct Fetched {
        var arrivals: [PreparedArrival] = []
        var malformed: [MalformedArrival] = []
        var isEmpty: Bool { arrivals.isEmpty && malformed.isEmpty }
    }

    /// Runs until cancelled, or until the log says that nothing will ever be delivered again.
    func run() async throws {
        let (settings, time) = (session.settings, session.time)
        var backlog = Backlog<PreparedArrival>()
        var fresh = Fetched()
        var pause = ConsumerPause(session: session)
        var limits = ParkedLimitMonitor(patience: min(.seconds(5), settings.acknowledgementWait))
        var sizer = BatchSizer(most: settings.batch, target: batchTime)
        while !Task.isCancelled {
            let selection = backlog.take(
                adding: fresh.arrivals, malformed: fresh.malformed, limit: sizer.transactionLimit,
                now: time.monotonic, hold: hold, heldLimit: Self.heldLimit)
            let batch = PreparedBatch(
                selection.items, malformed: selection.malformed, holdable: selection.holdable)
            if batch.batch.isEmpty {
                fresh = try await fetch(upTo: sizer.limit, waiting: Self.idleWait)
                continue
            }
            let start = time.monotonic
            // However long another replica keeps a batch from committing, no more than this is taken meanwhile.
            let limit = min(sizer.limit, max(0, settings.batch * 2 - backlog.count))
            async let prefetched = fetch(upTo: limit, waiting: .zero)
            do {
                let report = try await settle(batch)
                sizer.record(batch.batch.count, in: time.monotonic - start)
                try checkLimits(report, &limits)
                pause.recovered()
                backlog.committed(report, now: time.monotonic)
            } catch let error as StoreError where error.code == .conflict && backlog.losses < Self.lossLimit {
                backlog.conflicted()
                sizer.lost(batch.batch.count)
            } catch {
                _ = try await prefetched
                try await pause.pause(after: error)
                backlog = Backlog()
                fresh = Fetched()
                continue
            }
            fresh = try await prefetched
            if fresh.isEmpty, !backlog.isEmpty {
                let wait = backlog.wait(hold: hold, jitter: session.environment.context.fraction())
                if limit > 0 {
                    fresh = try await fetch(upTo: limit, waiting: wait)
                } else {
                    try await time.sleep(for: wait)
                }
            }
        }
    }

    /// At a limit of the parked rows repair makes room, and what there is none for is carried meanwhile.
    /// - Throws: ``ParkedLimitReached`` when the consumer has to pause.
    private func checkLimits(_ report: BatchReport, _ limits: inout ParkedLimitMonitor) throws {
        guard let first = report.reachedLimits.first else { return }
        session.sweeps.request(withoutRoom: report.reachedLimits.compactMap(\.aggregate))
        if limits.mustPause(after: report.reachedLimits, now: session.time.monotonic) { throw first }
    }

    /// A transaction holds rows, on SQLite the whole file: it should end within a second, and in any case within a
    /// quarter of the acknowledgement wait.
    private var batchTime: Duration {
        min(.seconds(1), session.settings.acknowledgementWait / 4)
    }

    /// A delivery is never held beyond half of the acknowledgement wait.
    private var hold: Duration {
        min(session.settings.gapHold, session.settings.acknowledgementWait / 2)
    }

    /// Fetches and decodes. What is of no interest is acknowledged at once.
    private func fetch(upTo limit: Int, waiting wait: Duration) async throws -> Fetched {
        guard limit > 0 else { return Fetched() }
        let deliveries = try await session.source.next(upTo: limit, waiting: wait)
        guard !deliveries.isEmpty else { return Fetched() }
        session.environment.counters.received(deliveries.count)
        var fetched = Fetched()
        var ignored: [Arrival.Ticket] = []
        for (ticket, delivery) in session.deliveries.take(deliveries) {
            switch session.decode(delivery.message, sequence: delivery.sequence, ticket: ticket, origin: .delivery) {
            case .prepared(let arrival): fetched.arrivals.append(arrival)
            case .malformed(let arrival): fetched.malformed.append(arrival)
            case .ignored: ignored.append(ticket)
            }
        }
        if !ignored.isEmpty {
            session.environment.counters.ignored(ignored.count)
            await session.source.answer(.acknowledge, to: session.deliveries.release(ignored))
        }
        return fetched
    }

    /// Commits a batch, then acknowledges what the transaction says.
    private func settle(_ batch: PreparedBatch) async throws -> BatchReport {
        let report = try await TraceContext.withSpan(applying: batch.batch, consumer: session.settings.name) {
            try await session.applier.apply(batch)
        }
        session.record(report, of: batch.batch)
        let acknowledged = report.acknowledged(of: batch.batch)
        await session.source.answer(.acknowledge, to: session.deliveries.release(acknowledged))
        return report
    }
}

/// Pauses a consumer that cannot commit: gives everything back, waits longer each time, says so once, and says so again
/// when it goes on. Nothing is acknowledged.
private struct ConsumerPause {
    let session: ConsumerSession
    private var backoff = Backoff(maxDelay: .seconds(5))

    init(session: ConsumerSession) {
        self.session = session
    }

    /// Gives back all that is in hand, and waits.
    mutating func pause(after error: any Error) async throws {
        let delay = backoff.failed()
        await session.giveBack(delay: delay)
        if error is CancellationError { return }
        if backoff.failures == 1 { report(error, delay) }
        session.sweeps.request()
        do {
            try await session.time.sleep(
                for: Backoff.wait(upTo: delay, jitter: session.environment.context.fraction()))
        } catch is CancellationError {
            return  // the loop sees the cancellation itself, and ends in order
        }
    }

    private func report(_ error: any Error, _ delay: Duration) {
        session.environment.counters.paused()
        let metadata: Logger.Metadata = [LogKey.reason: "\(error)", LogKey.delay: "\(delay)"]
        if error is ParkedLimitReached {
            session.logger.critical(
                "a limit of parked rows is reached: paused, nothing more is acknowledged", metadata: metadata)
        } else {
            session.logger.error(
                "the batch cannot be committed: paused, nothing is acknowledged", metadata: metadata)
        }
    }

    /// A batch has committed.
    mutating func recovered() {
        if backoff.failures > 0 { session.logger.notice("the consumer goes on") }
        backoff.succeeded()
    }
}
