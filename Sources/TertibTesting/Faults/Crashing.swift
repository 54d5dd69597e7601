import Synchronization
package import TertibCore
package import TertibRuntime

/// Says at each site whether the replica still lives, and may end it there. Once `false`, always `false`.
package typealias IsAlive = @Sendable (CrashSite) -> Bool

/// Ends a replica when it comes to a site for the n-th time; shared by its log and its store.
package final class Crash: Sendable {
    private let site: CrashSite
    private let nth: Int
    private let action: @Sendable () -> Void
    private let count = Mutex(0)

    /// - Parameter action: What ends it; nothing more is needed where the decorators are all that it has.
    package init(at site: CrashSite, nth: Int = 1, _ action: @escaping @Sendable () -> Void = {}) {
        (self.site, self.nth, self.action) = (site, nth, action)
    }

    /// Whether it has happened.
    package var hasHappened: Bool { count.withLock { $0 >= nth } }

    package func isAlive(at site: CrashSite) -> Bool {
        let (isAlive, ends) = count.withLock { count in
            guard count < nth else { return (false, false) }
            if site == self.site { count += 1 }
            return (count < nth, count == nth)
        }
        if ends { action() }
        return isAlive
    }
}

/// The log of a replica that may end at any call. From then on nothing reaches the log, and every call fails.
package final class CrashingLog: EventLog {
    private let base: any EventLog
    private let isAlive: IsAlive

    package init(_ base: any EventLog, isAlive: @escaping IsAlive) {
        (self.base, self.isAlive) = (base, isAlive)
    }

    package func state() async throws(EventLogError) -> StreamState {
        try before(.state)
        return try after(.state, try await base.state())
    }

    package func publish(_ message: WireMessage, expecting expectation: SubjectExpectation) async -> PublishOutcome {
        guard isAlive(CrashSite(.publish, .before)) else { return .unknown(Self.failure(.publish)) }
        let outcome = await base.publish(message, expecting: expectation)
        return isAlive(CrashSite(.publish, .after)) ? outcome : .unknown(Self.failure(.publish))
    }

    package func message(
        at sequence: StreamSequence, from source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try before(.message)
        return try after(.message, try await base.message(at: sequence, from: source))
    }

    package func firstMessage(
        on subject: String, from sequence: StreamSequence, source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try before(.firstMessage)
        return try after(.firstMessage, try await base.firstMessage(on: subject, from: sequence, source: source))
    }

    package func lastMessage(
        on subject: String, from source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try before(.lastMessage)
        return try after(.lastMessage, try await base.lastMessage(on: subject, from: source))
    }

    package func subscribe(_ subscription: Subscription) async throws(EventLogError) -> any DeliverySource {
        try before(.subscribe)
        let source = try await base.subscribe(subscription)
        return try after(.subscribe, CrashingSource(source, isAlive: isAlive))
    }

    package func consumerState(_ name: String) async throws(EventLogError) -> LogConsumerState? {
        try before(.consumerState)
        return try after(.consumerState, try await base.consumerState(name))
    }

    package func close() async { await base.close() }

    private func before(_ call: PortCall) throws(EventLogError) {
        guard isAlive(CrashSite(call, .before)) else { throw Self.failure(call) }
    }

    private func after<Result>(_ call: PortCall, _ result: Result) throws(EventLogError) -> Result {
        guard isAlive(CrashSite(call, .after)) else { throw Self.failure(call) }
        return result
    }

    fileprivate static func failure(_ call: PortCall) -> EventLogError {
        EventLogError(.closed, attempted: "call \(call)", reason: "the replica has crashed")
    }
}

/// The deliveries of a replica that may end at any call.
private final class CrashingSource: DeliverySource {
    private let base: any DeliverySource
    private let isAlive: IsAlive

    init(_ base: any DeliverySource, isAlive: @escaping IsAlive) {
        (self.base, self.isAlive) = (base, isAlive)
    }

    func next(upTo limit: Int, waiting wait: Duration) async throws(EventLogError) -> [Delivery] {
        guard isAlive(CrashSite(.next, .before)) else { throw CrashingLog.failure(.next) }
        let deliveries = try await base.next(upTo: limit, waiting: wait)
        guard deliveries.isEmpty || isAlive(CrashSite(.next, .after)) else { throw CrashingLog.failure(.next) }
        return deliveries
    }

    func answer(_ answer: DeliveryAnswer, to deliveries: [Delivery]) async {
        guard !deliveries.isEmpty, isAlive(CrashSite(.answer, .before)) else { return }
        let half = deliveries.count / 2
        if half > 0 { await base.answer(answer, to: Array(deliveries[..<half])) }
        guard isAlive(CrashSite(.answer, .halfway)) else { return }
        await base.answer(answer, to: Array(deliveries[half...]))
        _ = isAlive(CrashSite(.answer, .after))
    }

    func suspend() async -> [Delivery] {
        guard isAlive(CrashSite(.suspend, .before)) else { return [] }
        let untaken = await base.suspend()
        return isAlive(CrashSite(.suspend, .after)) ? untaken : []
    }

    func close() async { await base.close() }
}

/// The store of a replica that may end at any call. A transaction in which it ends is rolled back, unless its commit has
/// been made; from then on every call fails.
package final class CrashingStore: ConsumerStore {
    private let base: any ConsumerStore
    private let isAlive: IsAlive

    package init(_ base: any ConsumerStore, isAlive: @escaping IsAlive) {
        (self.base, self.isAlive) = (base, isAlive)
    }

    package var locksRows: Bool { base.locksRows }
    package var announcesStaging: Bool { base.announcesStaging }
    package func migrate() async throws { try await base.migrate() }

    package func transaction<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result {
        try check(.begin, .before)
        return try committed(await base.transaction { [self] in try run(body, in: $0) })
    }

    package func serializableTransaction<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result {
        try check(.begin, .before)
        return try committed(await base.serializableTransaction { [self] in try run(body, in: $0) })
    }

    package func read<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreReader) throws -> Result
    ) async throws -> Result {
        try check(.read, .before)
        let result = try await base.read(body)
        try check(.read, .after)
        return result
    }

    package func watchStaging(_ staged: @escaping @Sendable () -> Void) async { await base.watchStaging(staged) }
    package func close() async { await base.close() }

    private func run<Result>(
        _ body: (any StoreTransaction) throws -> Result, in transaction: any StoreTransaction
    ) throws -> (result: Result, commit: PortCall) {
        try check(.begin, .after)
        let crashing = CrashingTransaction(transaction)
        crashing.isAlive = isAlive
        let result = try body(crashing)
        if let failure = crashing.failure { throw failure }  // the body has swallowed it
        let commit = crashing.hasClaimed ? PortCall.batchCommit : .commit
        try check(commit, .before)
        return (result, commit)
    }

    private func committed<Result>(_ outcome: (result: Result, commit: PortCall)) throws -> Result {
        try check(outcome.commit, .halfway)
        try check(outcome.commit, .after)
        return outcome.result
    }

    private func check(_ call: PortCall, _ side: CrashSite.Side) throws {
        guard isAlive(CrashSite(call, side)) else { throw Self.failure(call) }
    }

    fileprivate static func failure(_ call: PortCall) -> StoreError {
        StoreError(.unavailable, attempted: "call \(call)", reason: "the replica has crashed")
    }
}

private final class CrashingTransaction: ForwardingTransaction {
    var isAlive: IsAlive = { _ in true }
    private(set) var failure: StoreError?
    private(set) var hasClaimed = false
    private var readsParkedRows = false
    private var hasEffect = false

    override var infrastructureFailure: StoreError? { failure ?? base.infrastructureFailure }

    override func pass<Result>(_ call: PortCall, _ body: () throws -> Result) throws -> Result {
        // Parked rows are read before the first event is applied, which is delivered as a rule: a drain begins after it.
        let drains = readsParkedRows && hasEffect
        let call = call == .effect && hasClaimed ? drains ? .drainEffect : .handlerEffect : call
        if call == .claim { hasClaimed = true }
        try check(CrashSite(call, .before))
        let result = try body()
        if call == .parked, let rows = result as? [ParkedEvent], !rows.isEmpty { readsParkedRows = true }
        if call == .handlerEffect { hasEffect = true }
        try check(CrashSite(call, .after))
        return result
    }

    private func check(_ site: CrashSite) throws {
        guard failure == nil, isAlive(site) else {
            let failure = failure ?? CrashingStore.failure(site.call)
            self.failure = failure
            throw failure
        }
    }
}
