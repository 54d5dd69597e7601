package import TertibCore
package import TertibRuntime

// Logs, stores and transactions that pass every call on to another one, for faults to be put in between: what a subclass
// wants to change it overrides, and ``ForwardingTransaction/pass(_:_:)`` is around every call of a transaction.

/// A transaction that passes every call on.
package class ForwardingTransaction: StoreTransaction {
    package let base: any StoreTransaction

    package required init(_ base: any StoreTransaction) { self.base = base }

    /// Around every call.
    package func pass<Result>(_ call: PortCall, _ body: () throws -> Result) throws -> Result { try body() }

    package var infrastructureFailure: StoreError? { base.infrastructureFailure }
    package func now() throws -> Timestamp { try base.now() }
    package func savepoint<Result>(_ body: () throws -> Result) throws -> Result {
        try pass(.savepoint) { try base.savepoint(body) }
    }

    // MARK: - EffectTransaction

    package func execute(_ sql: String, arguments: [SQLValue]) throws -> Int {
        try pass(.effect) { try base.execute(sql, arguments: arguments) }
    }
    package func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow] {
        try pass(.query) { try base.query(sql, arguments: arguments) }
    }
    package func enqueue(_ sql: String, arguments: [SQLValue]) throws {
        try pass(.effect) { try base.enqueue(sql, arguments: arguments) }
    }
    package func settle() throws { try pass(.settle) { try base.settle() } }

    // MARK: - SequencingTransaction

    package func watermarks(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [Aggregate: Watermark] {
        try pass(.watermarks) { try base.watermarks(consumer, of: aggregates) }
    }
    package func claim(_ consumer: ConsumerName, _ expected: [Watermark]) throws -> [Aggregate: Watermark] {
        try pass(.claim) { try base.claim(consumer, expected) }
    }
    package func write(_ consumer: ConsumerName, _ watermarks: [Watermark]) throws {
        try pass(.write) { try base.write(consumer, watermarks) }
    }
    package func parked(
        _ consumer: ConsumerName, of aggregate: Aggregate, from version: AggregateVersion, limit: Int
    ) throws -> [ParkedEvent] {
        try pass(.parked) { try base.parked(consumer, of: aggregate, from: version, limit: limit) }
    }
    package func park(_ consumer: ConsumerName, _ events: [ParkedEvent]) throws -> [ParkedEvent] {
        try pass(.park) { try base.park(consumer, events) }
    }
    package func replaceParked(_ consumer: ConsumerName, _ event: ParkedEvent) throws {
        try pass(.replaceParked) { try base.replaceParked(consumer, event) }
    }
    package func deleteParked(
        _ consumer: ConsumerName, of aggregate: Aggregate, through version: AggregateVersion
    ) throws -> Int {
        try pass(.deleteParked) { try base.deleteParked(consumer, of: aggregate, through: version) }
    }
    package func saveDeadLetter(_ consumer: ConsumerName, _ deadLetter: DeadLetter) throws {
        try pass(.saveDeadLetter) { try base.saveDeadLetter(consumer, deadLetter) }
    }
    package func openDeadLetters(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [DeadLetterKey] {
        try pass(.openDeadLetters) { try base.openDeadLetters(consumer, of: aggregates) }
    }
    package func leftoverDrains(_ consumer: ConsumerName, limit: Int) throws -> [Aggregate] {
        try pass(.leftoverDrains) { try base.leftoverDrains(consumer, limit: limit) }
    }
    package func dueRetries(
        _ consumer: ConsumerName, now: Timestamp, maxDelay: Duration, limit: Int
    ) throws -> [Aggregate] {
        try pass(.dueRetries) { try base.dueRetries(consumer, now: now, maxDelay: maxDelay, limit: limit) }
    }
    package func gaps(_ consumer: ConsumerName, parkedBefore limitTime: Timestamp, limit: Int) throws -> [Gap] {
        try pass(.gaps) { try base.gaps(consumer, parkedBefore: limitTime, limit: limit) }
    }
    package func parkedCount(_ consumer: ConsumerName) throws -> Int {
        try pass(.parkedCount) { try base.parkedCount(consumer) }
    }
    package func registration(
        _ consumer: ConsumerName, insertingIfAbsent fresh: ConsumerRegistration
    ) throws -> ConsumerRegistration {
        try pass(.registration) { try base.registration(consumer, insertingIfAbsent: fresh) }
    }
    package func writeRegistration(_ consumer: ConsumerName, _ registration: ConsumerRegistration) throws {
        try pass(.writeRegistration) { try base.writeRegistration(consumer, registration) }
    }

    // MARK: - OutboxTransaction

    package func head(of aggregate: Aggregate) throws -> AggregateHead? {
        try pass(.head) { try base.head(of: aggregate) }
    }
    package func compareAndSetHead(_ expected: AggregateHead?, to head: AggregateHead) throws -> Bool {
        try pass(.compareAndSetHead) { try base.compareAndSetHead(expected, to: head) }
    }
    package func insertOutbox(_ row: OutboxRow) throws { try pass(.insertOutbox) { try base.insertOutbox(row) } }
    package func claimOutbox(now: Timestamp, lease: Duration, limit: Int) throws -> [OutboxClaim] {
        try pass(.claimOutbox) { try base.claimOutbox(now: now, lease: lease, limit: limit) }
    }
    package func markPublished(_ row: OutboxRow, at sequence: StreamSequence, now: Timestamp) throws {
        try pass(.markPublished) { try base.markPublished(row, at: sequence, now: now) }
    }
    package func releaseOutbox(_ row: OutboxRow, notBefore time: Timestamp) throws {
        try pass(.releaseOutbox) { try base.releaseOutbox(row, notBefore: time) }
    }
    package func reopenOutbox(
        _ expected: AggregateHead, behind version: AggregateVersion, at sequence: StreamSequence
    ) throws -> Bool {
        try pass(.reopenOutbox) { try base.reopenOutbox(expected, behind: version, at: sequence) }
    }
    package func deletePublished(before time: Timestamp, limit: Int) throws -> Int {
        try pass(.deletePublished) { try base.deletePublished(before: time, limit: limit) }
    }
}

/// A store that passes every call on, and wraps each transaction.
package final class ForwardingStore: ConsumerStore {
    private let base: any ConsumerStore
    private let wrap: @Sendable (any StoreTransaction) -> any StoreTransaction

    package init(
        _ base: any ConsumerStore, wrap: @escaping @Sendable (any StoreTransaction) -> any StoreTransaction
    ) {
        self.base = base
        self.wrap = wrap
    }

    package var locksRows: Bool { base.locksRows }
    package var announcesStaging: Bool { base.announcesStaging }
    package func migrate() async throws { try await base.migrate() }
    package func transaction<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result {
        try await base.transaction { [wrap] in try body(wrap($0)) }
    }
    package func serializableTransaction<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result {
        try await base.serializableTransaction { [wrap] in try body(wrap($0)) }
    }
    package func read<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreReader) throws -> Result
    ) async throws -> Result {
        try await base.read(body)
    }
    package func watchStaging(_ staged: @escaping @Sendable () -> Void) async { await base.watchStaging(staged) }
    package func close() async { await base.close() }
}

/// A log that passes every call on.
///
/// `@unchecked Sendable`: neither it nor any subclass has a variable.
package class ForwardingLog: EventLog, @unchecked Sendable {
    package let base: any EventLog

    package required init(_ base: any EventLog) { self.base = base }

    package func state() async throws(EventLogError) -> StreamState { try await base.state() }
    package func publish(_ message: WireMessage, expecting expectation: SubjectExpectation) async -> PublishOutcome {
        await base.publish(message, expecting: expectation)
    }
    package func message(
        at sequence: StreamSequence, from source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try await base.message(at: sequence, from: source)
    }
    package func firstMessage(
        on subject: String, from sequence: StreamSequence, source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try await base.firstMessage(on: subject, from: sequence, source: source)
    }
    package func lastMessage(
        on subject: String, from source: ReadSource
    ) async throws(EventLogError) -> LoggedMessage? {
        try await base.lastMessage(on: subject, from: source)
    }
    package func subscribe(_ subscription: Subscription) async throws(EventLogError) -> any DeliverySource {
        wrap(try await base.subscribe(subscription))
    }
    /// What a subscription gives.
    package func wrap(_ source: any DeliverySource) -> any DeliverySource { source }
    package func consumerState(_ name: String) async throws(EventLogError) -> LogConsumerState? {
        try await base.consumerState(name)
    }
    package func close() async { await base.close() }
}

/// Deliveries that pass everything on.
///
/// `@unchecked Sendable`: neither it nor any subclass has a variable.
package class ForwardingSource: DeliverySource, @unchecked Sendable {
    package let base: any DeliverySource

    package init(_ base: any DeliverySource) { self.base = base }

    package func next(upTo limit: Int, waiting wait: Duration) async throws(EventLogError) -> [Delivery] {
        try await base.next(upTo: limit, waiting: wait)
    }
    package func answer(_ answer: DeliveryAnswer, to deliveries: [Delivery]) async {
        await base.answer(answer, to: deliveries)
    }
    package func suspend() async -> [Delivery] { await base.suspend() }
    package func close() async { await base.close() }
}
