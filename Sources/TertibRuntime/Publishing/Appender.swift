import Logging
import Synchronization
import TertibCore

/// Appends events where the stream is the truth. What it does is decided by ``Append``; here its steps are taken.
struct Appender: Sendable {
    let log: any EventLog
    /// Where heads are recorded, if the service has a database.
    let store: (any ConsumerStore)?
    let staging: Staging
    private let trustedStream = TrustedStream()

    init(log: any EventLog, store: (any ConsumerStore)?, staging: Staging) {
        self.log = log
        self.store = store
        self.staging = staging
    }

    private var context: RuntimeContext { staging.context }

    /// Appends events, the first one after `expected`; without an expectation after the version that the aggregate has,
    /// again and again while other writers are faster.
    func append(
        _ events: [NewEvent], to aggregate: Aggregate, expecting expected: AggregateVersion?
    ) async throws -> [PublishReceipt] {
        try await run(events, to: aggregate, expecting: expected).get()
    }

    private func run(
        _ events: [NewEvent], to aggregate: Aggregate, expecting expected: AggregateVersion?
    ) async -> Result<[PublishReceipt], any Error> {
        var append = Append(
            events.map(\.id), to: aggregate, expecting: expected, stream: trustedStream.name, hasStore: store != nil,
            codec: staging.codec)
        var step = append.begin()
        var interruption: (any Error) = CancellationError()
        while true {
            let input: Append.Input
            do {
                switch step {
                case .ask(let request):
                    input = .answer(await log.answer(to: request))
                case .wait(let least, let most):
                    try await context.sleep(atLeast: least, atMost: most)
                    input = .waited
                case .trust(let name):
                    trustedStream.remember(name)
                    input = .trusted
                case .readHead:
                    input = .head(try await head(of: aggregate))
                case .makeEnvelope(let index, let version):
                    input = .envelope(
                        try staging.envelope(
                            for: events[index], aggregate: aggregate, version: version, cause: TraceContext.current))
                case .record(let head):
                    await record(head)
                    input = .recorded
                case .finished(let receipts):
                    return .success(receipts)
                case .failed(let failure):
                    return .failure(failure?.error ?? interruption)
                case .failedPartly(let receipts, let failure):
                    return .failure(
                        PartialAppend(receipts: receipts, underlying: failure?.error ?? interruption))
                }
            } catch {
                interruption = error
                input = .interrupted
            }
            step = append.next(input, now: context.time.monotonic)
        }
    }

    /// Where an aggregate's history stands; where there is no store its head is taken as unknown.
    func position(of aggregate: Aggregate) async throws -> SubjectPosition {
        var search = PositionSearch(of: aggregate, head: nil, codec: staging.codec)
        var step = search.begin()
        while true {
            switch step {
            case .ask(let request): step = search.next(.answer(await log.answer(to: request)))
            case .readHead: step = search.next(.head(try await head(of: aggregate)))
            case .found(let position): return position
            case .failed(let failure): throw failure.error
            }
        }
    }

    private func head(of aggregate: Aggregate) async throws -> AggregateHead? {
        try await store?.read { try $0.head(of: aggregate) }
    }

    /// Records a head, unless a later one is there. The next append reads the stream too, and makes a failure good.
    private func record(_ head: AggregateHead) async {
        do {
            try await store?.transactionRetryingConflicts(context) { transaction in
                let current = try transaction.head(of: head.aggregate)
                if let current, current.version >= head.version { return }
                guard try transaction.compareAndSetHead(current, to: head) else {
                    throw StoreError(.conflict, attempted: "remember the head of \(head.aggregate)", reason: "a race")
                }
            }
        } catch {
            context.logger.warning(
                "an appended event's version could not be remembered, the next append will",
                metadata: [LogKey.aggregate: "\(head.aggregate)", LogKey.error: "\(error)"])
        }
    }
}

/// Remembers that the stream was found to keep append's promises.
private final class TrustedStream: Sendable {
    private let trusted = Mutex<StreamName?>(nil)

    var name: StreamName? { trusted.withLock { $0 } }

    func remember(_ name: StreamName) { trusted.withLock { $0 = name } }
}
