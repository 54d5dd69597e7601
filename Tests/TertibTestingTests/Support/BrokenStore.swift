import TertibRuntime
import TertibCore

/// A store that passes everything on to another, but for the rule that a subclass of ``BrokenTransaction`` breaks.
final class BrokenStore: ConsumerStore {
    private let base: any ConsumerStore
    private let wrap: @Sendable (any StoreTransaction) -> BrokenTransaction

    init(_ base: any ConsumerStore, wrap: @escaping @Sendable (any StoreTransaction) -> BrokenTransaction) {
        self.base = base
        self.wrap = wrap
    }

    func migrate() async throws { try await base.migrate() }

    func transaction<Result: Sendable>(
        crashes: CrashPlan, _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result {
        let wrap = wrap
        return try await base.transaction(crashes: crashes) { try body(wrap($0)) }
    }

    func read<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreReader) throws -> Result
    ) async throws -> Result {
        try await base.read(body)
    }

    func close() async { await base.close() }
}

/// Passes everything on.
class BrokenTransaction: StoreTransaction {
    let base: any StoreTransaction

    required init(_ base: any StoreTransaction) { self.base = base }

    func now() throws -> Timestamp { try base.now() }
    func savepoint<Result>(_ body: () throws -> Result) throws -> Result { try base.savepoint(body) }
    var infrastructureFailure: StoreError? { base.infrastructureFailure }
    func execute(_ sql: String, arguments: [SQLValue]) throws -> Int { try base.execute(sql, arguments: arguments) }
    func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow] { try base.query(sql, arguments: arguments) }
    func watermarks(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [Aggregate: Watermark] {
        try base.watermarks(consumer, of: aggregates)
    }
    func claim(_ consumer: ConsumerName, _ expected: [Watermark]) throws -> [Aggregate: Watermark] {
        try base.claim(consumer, expected)
    }
    func write(_ consumer: ConsumerName, _ watermarks: [Watermark]) throws { try base.write(consumer, watermarks) }
    func parked(
        _ consumer: ConsumerName, of aggregate: Aggregate, from version: AggregateVersion, limit: Int
    ) throws -> [ParkedEvent] {
        try base.parked(consumer, of: aggregate, from: version, limit: limit)
    }
    func park(_ consumer: ConsumerName, _ events: [ParkedEvent]) throws -> [ParkedEvent] {
        try base.park(consumer, events)
    }
    func replaceParked(_ consumer: ConsumerName, _ event: ParkedEvent) throws {
        try base.replaceParked(consumer, event)
    }
    func deleteParked(
        _ consumer: ConsumerName, of aggregate: Aggregate, through version: AggregateVersion
    ) throws -> Int {
        try base.deleteParked(consumer, of: aggregate, through: version)
    }
    func saveDeadLetter(_ consumer: ConsumerName, _ deadLetter: DeadLetter) throws { try base.saveDeadLetter(consumer, deadLetter) }
    func openDeadLetters(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [DeadLetterKey] {
        try base.openDeadLetters(consumer, of: aggregates)
    }
    func leftoverDrains(_ consumer: ConsumerName, limit: Int) throws -> [Aggregate] {
        try base.leftoverDrains(consumer, limit: limit)
    }
    func dueRetries(
        _ consumer: ConsumerName, now: Timestamp, maxDelay: Duration, limit: Int
    ) throws -> [Aggregate] {
        try base.dueRetries(consumer, now: now, maxDelay: maxDelay, limit: limit)
    }
    func gaps(_ consumer: ConsumerName, parkedBefore limitTime: Timestamp, limit: Int) throws -> [Gap] {
        try base.gaps(consumer, parkedBefore: limitTime, limit: limit)
    }
    func parkedCount(_ consumer: ConsumerName) throws -> Int { try base.parkedCount(consumer) }
    func registration(
        _ consumer: ConsumerName, insertingIfAbsent fresh: ConsumerRegistration
    ) throws -> ConsumerRegistration {
        try base.registration(consumer, insertingIfAbsent: fresh)
    }
    func writeRegistration(_ consumer: ConsumerName, _ registration: ConsumerRegistration) throws {
        try base.writeRegistration(consumer, registration)
    }
    func head(of aggregate: Aggregate) throws -> AggregateHead? { try base.head(of: aggregate) }
    func compareAndSetHead(_ expected: AggregateHead?, to head: AggregateHead) throws -> Bool {
        try base.compareAndSetHead(expected, to: head)
    }
    func insertOutbox(_ row: OutboxRow) throws { try base.insertOutbox(row) }
    func claimOutbox(now: Timestamp, lease: Duration, limit: Int) throws -> [OutboxClaim] {
        try base.claimOutbox(now: now, lease: lease, limit: limit)
    }
    func markPublished(_ row: OutboxRow, at sequence: StreamSequence, now: Timestamp) throws {
        try base.markPublished(row, at: sequence, now: now)
    }
    func releaseOutbox(_ row: OutboxRow, notBefore time: Timestamp) throws {
        try base.releaseOutbox(row, notBefore: time)
    }
    func reopenOutbox(
        _ expected: AggregateHead, behind version: AggregateVersion, at sequence: StreamSequence
    ) throws -> Bool {
        try base.reopenOutbox(expected, behind: version, at: sequence)
    }
    func deletePublished(before time: Timestamp, limit: Int) throws -> Int {
        try base.deletePublished(before: time, limit: limit)
    }
}
