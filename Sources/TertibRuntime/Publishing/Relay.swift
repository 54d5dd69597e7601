import Logging
import Metrics
import TertibCore

/// Publishes what is staged, until the stream has acknowledged it: many aggregates side by side. Safe in every replica.
///
/// What it does is decided by ``RelayLoop``, ``RelayRound`` and ``RelayRun``; here their steps are taken.
struct Relay: Sendable {
    let log: any EventLog
    let store: any ConsumerStore
    let codec: WireCodec
    let settings: OutboxSettings
    let context: RuntimeContext
    let signal: WakeSignal

    private let published = Counter(label: MetricName.published)
    private let retries = Counter(label: MetricName.publishRetries)

    init(
        log: any EventLog, store: any ConsumerStore, codec: WireCodec, settings: OutboxSettings,
        context: RuntimeContext, signal: WakeSignal
    ) {
        self.log = log
        self.store = store
        self.codec = codec
        self.settings = settings
        self.context = context
        self.signal = signal
    }

    /// Runs until cancelled; a broker or database that is away is waited for.
    func run() async {
        guard store.announcesStaging else { return await publishUntilCancelled() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [store, signal] in await store.watchStaging { signal.wake() } }
            await publishUntilCancelled()
            group.cancelAll()
        }
    }

    private func publishUntilCancelled() async {
        var loop = RelayLoop(pollInterval: settings.pollInterval)
        var step = loop.begin()
        while !Task.isCancelled {
            do {
                step = loop.next(try await take(step), now: context.time.monotonic)
            } catch is CancellationError {
                return
            } catch {
                step = loop.next(.failed("\(error)"), now: context.time.monotonic)
            }
        }
    }

    private func take(_ step: RelayLoop.Step) async throws -> RelayLoop.Input {
        switch step {
        case .round:
            return .published(try await round())
        case .clean(let limit):
            let hold = settings.hold
            return .deleted(
                try await store.transactionRetryingConflicts(context) { transaction in
                    try transaction.deletePublished(
                        before: try transaction.now().advanced(by: .zero - hold), limit: limit)
                })
        case .wait(let least, let most):
            await signal.wait(atMost: least + context.jitter(upTo: most - least), on: context.time)
            return .waited
        case .reportOutage(let reason):
            context.logger.warning(
                "the relay cannot publish, it keeps the events and tries again", metadata: [LogKey.error: "\(reason)"])
            return .reported
        case .reportRecovery:
            context.logger.notice("the relay goes on")
            return .reported
        }
    }

    /// Publishes until nothing that can be taken is left unpublished; for tests and tools.
    func drain() async throws {
        while try await round() > 0 {}
    }

    /// One round: claim, publish, mark. Returns how many rows were published.
    func round() async throws -> Int {
        var round = RelayRound(inFlight: settings.inFlight, codec: codec)
        var step = round.begin()
        var failure: (any Error)?
        while true {
            switch step {
            case .count:
                step = round.next(.counted(try await store.read { try $0.outboxSummary().rows }))
            case .claim(let limit, let lease):
                step = round.next(
                    .claimed(
                        try await store.transactionRetryingConflicts(context) { transaction in
                            try transaction.claimOutbox(now: try transaction.now(), lease: lease, limit: limit)
                        }))
            case .readRows(let aggregates, let limit):
                step = round.next(
                    .rows(try await store.read { try $0.outboxRows(ofEach: aggregates, limit: limit) }))
            case .publish(let runs):
                let (marks, error) = await publish(runs)
                failure = error
                step = round.next(.ran(marks, isFailing: error != nil))
            case .mark(let marks):
                try await write(marks)
                step = round.next(.marked)
            case .finished(let count):
                return count
            case .failed:
                throw failure ?? CancellationError()
            }
        }
    }

    private func write(_ marks: [RelayMark]) async throws {
        try await store.transactionRetryingConflicts(context) { transaction in
            let now = try transaction.now()
            for mark in marks {
                switch mark {
                case .published(let row, let sequence): try transaction.markPublished(row, at: sequence, now: now)
                case .later(let row, let delay):
                    try transaction.releaseOutbox(row, notBefore: now.advanced(by: delay))
                }
            }
        }
        let count = marks.count(where: \.isPublished)
        published.increment(by: count)
        retries.increment(by: marks.count - count)
    }

    typealias RunEnd = (marks: [RelayMark], failure: (any Error)?)

    private func publish(_ runs: [RelayRun]) async -> RunEnd {
        await withTaskGroup(of: RunEnd.self) { group in
            for run in runs {
                group.addTask { await publish(run) }
            }
            return await group.reduce(into: ([], nil)) { ends, end in
                ends.marks += end.marks
                ends.failure = ends.failure ?? end.failure
            }
        }
    }

    /// Takes one run to its end.
    func publish(_ run: RelayRun) async -> RunEnd {
        var run = run
        var step = run.begin(now: context.time.monotonic)
        var failure: (any Error)?
        while true {
            do {
                switch step {
                case .ask(let request):
                    step = run.next(.answer(await log.answer(to: request)), now: context.time.monotonic)
                case .wait(let least, let most):
                    try await context.sleep(atLeast: least, atMost: most)
                    step = run.next(.waited, now: context.time.monotonic)
                case .readRows(let aggregate, let limit):
                    let rows = try await store.read { try $0.outboxRows(of: aggregate, limit: limit) }
                    step = run.next(.rows(rows), now: context.time.monotonic)
                case .reopen(let head, let version, let sequence):
                    let (current, isDone) = try await reopen(head, behind: version, at: sequence)
                    step = run.next(.reopened(current, isDone: isDone), now: context.time.monotonic)
                case .report(let incident):
                    report(incident)
                    step = run.next(.reported, now: context.time.monotonic)
                case .finished(let result):
                    return (result.marks, failure ?? result.failure)
                }
            } catch {
                failure = error
                step = run.next(
                    .interrupted(isCancelled: error is CancellationError), now: context.time.monotonic)
            }
        }
    }

    private func reopen(
        _ head: AggregateHead, behind version: AggregateVersion, at sequence: StreamSequence
    ) async throws -> (AggregateHead?, Bool) {
        try await store.transactionRetryingConflicts(context) { transaction in
            (
                try transaction.head(of: head.aggregate),
                try transaction.reopenOutbox(head, behind: version, at: sequence)
            )
        }
    }

    private func report(_ incident: RelayIncident) {
        let row = incident.row
        var metadata: Logger.Metadata = [
            LogKey.aggregate: "\(row.aggregate)", LogKey.version: "\(row.version)", LogKey.eventID: "\(row.eventID)",
        ]
        metadata[LogKey.reason] = incident.reason.map { "\($0)" }
        context.logger.log(
            level: incident.kind == .trimmed ? .notice : .critical, "\(incident.kind.rawValue)", metadata: metadata)
    }
}

/// How the relay works.
public struct OutboxSettings: Hashable, Sendable {
    /// Maximum number of aggregates that are published at once, one event of each.
    public var inFlight: Int
    /// How long published rows are kept, so that what a broker loses can be published again.
    public var hold: Duration
    /// How often the outbox is read without an announcement that something was staged.
    public var pollInterval: Duration

    /// Creates settings.
    public init(
        inFlight: Int = 1024, hold: Duration = .seconds(600), pollInterval: Duration = .milliseconds(400)
    ) {
        self.inFlight = inFlight
        self.hold = hold
        self.pollInterval = pollInterval
    }
}
