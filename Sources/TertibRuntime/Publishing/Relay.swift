import Logging
import Metrics
import TertibCore

/// Publishes what is staged, until the stream has acknowledged it: many aggregates at once, one event of each at a
/// time, always the lowest unpublished version, with the expectation that the head gives. Safe in every replica: the expectation
/// fences a paused relay and a restored database; the claim only keeps neighbours from doing the same work.
struct Relay: Sendable {
    let log: any EventLog
    let store: any ConsumerStore
    let codec: WireCodec
    let publisher: Publisher
    let settings: OutboxSettings
    let context: RuntimeContext
    let signal: WakeSignal

    /// How long a claim keeps neighbours away, so that a killed relay's aggregates do not stand still for longer. The
    /// expectation is the fence: two relays at one row publish it once.
    private static let lease: Duration = .seconds(5)
    /// At most so many rows are deleted in one transaction.
    private static let cleaningLimit = 5000
    private static let cleaningInterval: Duration = .seconds(10)

    private let published = Counter(label: MetricName.published)
    private let retries = Counter(label: MetricName.publishRetries)

    init(
        log: any EventLog, store: any ConsumerStore, codec: WireCodec, publisher: Publisher,
        settings: OutboxSettings, context: RuntimeContext, signal: WakeSignal
    ) {
        self.log = log
        self.store = store
        self.codec = codec
        self.publisher = publisher
        self.settings = settings
        self.context = context
        self.signal = signal
    }

    /// Runs until cancelled; a broker or database that is away is waited for.
    func run() async throws {
        guard store.announcesStaging else { return try await publishUntilCancelled() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [store, signal] in await store.watchStaging { signal.wake() } }
            defer { group.cancelAll() }
            try await publishUntilCancelled()
        }
    }

    private func publishUntilCancelled() async throws {
        var failures = 0
        var lastCleaning = Duration.zero
        while !Task.isCancelled {
            do {
                let count = try await pass()
                if failures > 0 { context.logger.notice("the relay goes on") }
                failures = 0
                if context.time.monotonic - lastCleaning > Self.cleaningInterval {
                    lastCleaning = context.time.monotonic
                    try await clean()
                }
                if count > 0 { continue }
                let half = settings.pollInterval / 2
                await signal.wait(atMost: half + context.jitter(upTo: half * 2), on: context.time)
            } catch is CancellationError {
                return
            } catch {
                failures += 1
                if failures == 1 {
                    context.logger.warning(
                        "the relay cannot publish, it keeps the events and tries again",
                        metadata: [LogKey.error: "\(error)"])
                }
                let bound = RetryPolicy(initialDelay: .milliseconds(250), maxDelay: .seconds(5))
                    .bound(beforeAttempt: failures + 1)
                await signal.wait(atMost: bound / 2 + context.jitter(upTo: bound / 2), on: context.time)
            }
        }
    }

    /// Publishes until nothing that can be taken is left unpublished; for tests and tools.
    func drain() async throws {
        while try await pass() > 0 {}
    }

    /// One round: claim, publish, mark. Returns how many rows were published.
    func pass() async throws -> Int {
        let summary = try await store.read { try $0.outboxSummary() }
        guard summary.rows > 0 else { return 0 }
        let limit = settings.inFlight
        let claims = try await store.transactionRetryingConflicts(context) { transaction in
            try transaction.claimOutbox(now: try transaction.now(), lease: Self.lease, limit: limit)
        }
        guard !claims.isEmpty else { return 0 }
        let hasMore = summary.rows > claims.count
        let runs = hasMore ? try await store.read { try Self.runs(of: claims, in: $0) } : claims.map(RelayRun.init)
        let (results, failure) = try await publishAll(runs)
        let marked = try await store.transactionRetryingConflicts(context) { transaction in
            let now = try transaction.now()
            for result in results {
                switch result {
                case .published(let row, let sequence): try transaction.markPublished(row, at: sequence, now: now)
                case .later(let row, let delay):
                    try transaction.releaseOutbox(row, notBefore: now.advanced(by: delay))
                }
            }
            return results.count { if case .published = $0 { true } else { false } }
        }
        published.increment(by: marked)
        if marked < results.count { retries.increment(by: results.count - marked) }
        if marked == 0, let failure { throw failure }
        return marked
    }

    enum RowResult: Sendable {
        case published(OutboxRow, StreamSequence)
        case later(OutboxRow, Duration)
    }

    /// The rows that follow a claimed one: while its lease lasts, nobody else takes a row of its aggregate.
    private static func runs(of claims: [OutboxClaim], in reader: any StoreReader) throws -> [RelayRun] {
        let rows = try reader.outboxRows(ofEach: claims.map(\.row.aggregate), limit: RelayRun.limit)
        return claims.map { claim in
            var run = RelayRun(claim)
            for row in rows[claim.row.aggregate] ?? [] {
                if let last = run.rows.last, row.version.follows(last.version) { run.rows.append(row) }
            }
            return run
        }
    }

    /// Publishes all runs. One that fails costs its aggregate a second, and the others nothing.
    private func publishAll(_ runs: [RelayRun]) async throws -> (results: [RowResult], failure: (any Error)?) {
        try await withThrowingTaskGroup(of: (results: [RowResult], failure: (any Error)?).self) { group in
            for run in runs {
                group.addTask { try await publish(run) }
            }
            var results: [RowResult] = []
            var failure: (any Error)?
            for try await run in group {
                results += run.results
                failure = failure ?? run.failure
            }
            return (results, failure)
        }
    }

    /// Publishes the rows of one aggregate one after the other, each behind the one before; the first that has to wait
    /// ends the run.
    private func publish(_ run: RelayRun) async throws -> (results: [RowResult], failure: (any Error)?) {
        var results: [RowResult] = []
        var head = run.head
        for row in PlantedBug.relayOutOfOrder.isActive ? run.rows.reversed() : run.rows {
            let result: RowResult
            do {
                result = try await publish(OutboxClaim(row: row, head: head))
            } catch {
                if !(error is CancellationError) { results.append(.later(row, .seconds(1))) }
                return (results, error)
            }
            results.append(result)
            guard case .published(_, let sequence) = result else {
                if PlantedBug.relayPassesOverUndecided.isActive { continue }
                break
            }
            head.publishedVersion = row.version
            head.streamSequence = sequence
        }
        return (results, nil)
    }

    private func clean() async throws {
        let hold = settings.hold
        var deleted = Self.cleaningLimit
        while deleted == Self.cleaningLimit, !Task.isCancelled {
            deleted = try await store.transactionRetryingConflicts(context) { transaction in
                try transaction.deletePublished(
                    before: try transaction.now().advanced(by: .zero - hold), limit: Self.cleaningLimit)
            }
        }
    }
}

/// Rows of one aggregate to publish in one round, from its lowest unpublished version on.
struct RelayRun: Sendable {
    let head: AggregateHead
    var rows: [OutboxRow]

    /// At most so many rows of one aggregate in one round.
    static let limit = 64

    init(_ claim: OutboxClaim) {
        head = claim.head
        rows = [claim.row]
    }
}
