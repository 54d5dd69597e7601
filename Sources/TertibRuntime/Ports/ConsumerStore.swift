public import TertibCore

/// A port: the service's own database, which holds the effects of its handlers and Tertib's tables side by side.
///
/// ``transaction(_:)`` is the only way to write. The body runs synchronously on a thread of the store's own, so no
/// `await` can hold a transaction open, and nothing blocks the cooperative pool.
public protocol ConsumerStore: Sendable {
    /// Creates or upgrades the tables. Safe from several replicas at once, and after a crash in the middle.
    func migrate() async throws

    /// Runs `body` in one transaction at read committed or stronger, and commits.
    ///
    /// - The body throws: everything is rolled back, and its error is thrown on.
    /// - ``StoreError`` with ``StoreError/Code/conflict``: nothing was written; the same call may succeed at once.
    /// - ``StoreError/Code/unavailable``: nothing was written; the database is away.
    /// - ``StoreError/Code/commitUnknown``: it may or may not be written. Never acknowledge on it.
    func transaction<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result

    /// Whether rows can be locked one by one, so that transactions run side by side. Without it one transaction writes at
    /// a time, and each is serializable.
    var locksRows: Bool { get }

    /// Runs `body` as ``transaction(_:)`` does, as if no other transaction ran beside it. What would betray that
    /// one does is ``StoreError/Code/conflict``.
    func serializableTransaction<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result

    /// Runs `body` on one consistent snapshot, without blocking writers.
    func read<Result: Sendable>(_ body: @escaping @Sendable (any StoreReader) throws -> Result) async throws -> Result

    /// Whether ``watchStaging(_:)`` tells of what other processes stage; without it a relay only looks now and then.
    var announcesStaging: Bool { get }

    /// Calls `staged` after transactions that have staged events, of whichever process on this database, and whenever
    /// it may have missed one; from any thread, and at times without a reason. Returns when the task is cancelled, or
    /// the store closed.
    func watchStaging(_ staged: @escaping @Sendable () -> Void) async

    /// Closes every connection, after the transactions that run. Idempotent.
    func close() async
}

extension ConsumerStore {
    /// One transaction writes at a time.
    public var locksRows: Bool { false }

    /// Nothing is announced.
    public var announcesStaging: Bool { false }

    /// Returns at once.
    public func watchStaging(_ staged: @escaping @Sendable () -> Void) async {}

    /// Runs `body` in one transaction: where one writes at a time, that is serializable.
    public func serializableTransaction<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result {
        try await transaction(body)
    }
}

extension ConsumerStore {
    /// Runs a transaction again, with jitter, while it conflicts with another one: up to 20 times.
    func transactionRetryingConflicts<Result: Sendable>(
        _ context: RuntimeContext, _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result {
        var attempts = 0
        while true {
            do {
                return try await transaction(body)
            } catch let error as StoreError where error.code == .conflict && attempts < 20 {
                attempts += 1
                let bound = Duration.milliseconds(1) * (1 << min(attempts, 7))
                try await context.time.sleep(for: context.jitter(upTo: bound))
            }
        }
    }
}

/// A transaction of a store: the handlers' side (``EffectTransaction``), the consumer's (``SequencingTransaction``)
/// and the publisher's (``OutboxTransaction``). Valid only inside the body it was given to, on that thread.
public protocol StoreTransaction: EffectTransaction, SequencingTransaction, OutboxTransaction {
    /// The database's clock.
    func now() throws -> Timestamp

    /// Runs `body` under a savepoint: if it throws, what it wrote is undone and the error is thrown on.
    /// - Throws: ``StoreError`` with ``StoreError/Code/transactionLost`` when the transaction itself no longer lives,
    ///   whatever the body threw: then the caller has to begin again. Where an outage has ended it (a full disk), it
    ///   is that failure that is thrown, so that it is not blamed on the body.
    func savepoint<Result>(_ body: () throws -> Result) throws -> Result

    /// The first failure of this transaction that is the database's and not the statement's (a conflict, an outage),
    /// even if a handler has swallowed it.
    var infrastructureFailure: StoreError? { get }

    /// The transaction that this one passes its calls to; the transaction itself unless it decorates another one. What
    /// only one database has is looked for there.
    var base: any StoreTransaction { get }
}

extension StoreTransaction {
    /// This transaction.
    public var base: any StoreTransaction { self }
}

/// The side of a transaction that user code sees: SQL on the service's own tables.
public protocol EffectTransaction: AnyObject {
    /// Runs one statement with `?` placeholders.
    /// - Returns: how many rows it changed.
    /// - Throws: ``StoreError``. Statements that control transactions are refused.
    @discardableResult
    func execute(_ sql: String, arguments: [SQLValue]) throws -> Int

    /// Runs one query with `?` placeholders and returns its rows, a value a column by name.
    func query(_ sql: String, arguments: [SQLValue]) throws -> [SQLRow]

    /// Runs one statement with `?` placeholders whose result is not needed, in its turn: a later statement sees what it
    /// wrote. A store that sends statements over a network may send it together with those that follow.
    /// - Throws: ``StoreError``, for this statement or an earlier one that was enqueued. What is known of its failure
    ///   only later is thrown by the next call on the transaction, by ``settle()``, or by the commit, which never
    ///   succeeds then.
    func enqueue(_ sql: String, arguments: [SQLValue]) throws

    /// Returns when everything that was enqueued has run.
    /// - Throws: ``StoreError``, the first failure among it, or the one that has ended the transaction before.
    func settle() throws
}

extension EffectTransaction {
    /// Runs the statement at once.
    public func enqueue(_ sql: String, arguments: [SQLValue]) throws {
        _ = try execute(sql, arguments: arguments)
    }

    /// Nothing waits.
    public func settle() throws {}
}

/// The side of a transaction that sequences events.
public protocol SequencingTransaction: AnyObject {
    /// The watermarks of `aggregates`, read in one query; those without a row are left out.
    func watermarks(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [Aggregate: Watermark]

    /// Compare-and-sets, in one set-based statement and in byte order, the revision of every expected row (version and
    /// revision must be those given; a row that does not exist yet is inserted). What another transaction holds counts as lost.
    /// - Returns: the rows won, as the database has them now, the revision raised by one.
    func claim(_ consumer: ConsumerName, _ expected: [Watermark]) throws -> [Aggregate: Watermark]

    /// Writes rows that this transaction has claimed (version, event id, sequence, parked, status), leaving the
    /// revision as the claim set it.
    func write(_ consumer: ConsumerName, _ watermarks: [Watermark]) throws

    /// The parked rows of an aggregate from `version` on, by version, at most `limit`.
    func parked(
        _ consumer: ConsumerName, of aggregate: Aggregate, from version: AggregateVersion, limit: Int
    ) throws -> [ParkedEvent]

    /// Inserts rows; where the version is parked already nothing is written.
    /// - Returns: the rows that were there already, in the order of `events`.
    func park(_ consumer: ConsumerName, _ events: [ParkedEvent]) throws -> [ParkedEvent]

    /// Writes a row, whether or not one is there: a retry's next attempt, or the canonical branch of a fork.
    func replaceParked(_ consumer: ConsumerName, _ event: ParkedEvent) throws

    /// Deletes the parked rows of an aggregate up to and including `version`.
    /// - Returns: how many there were.
    func deleteParked(_ consumer: ConsumerName, of aggregate: Aggregate, through version: AggregateVersion) throws
        -> Int

    /// Saves a dead letter; one that is there already (same stream and sequence) is reopened and its failure updated.
    func saveDeadLetter(_ consumer: ConsumerName, _ deadLetter: DeadLetter) throws

    /// The open dead letters of `aggregates` that have a version, oldest first.
    func openDeadLetters(_ consumer: ConsumerName, of aggregates: [Aggregate]) throws -> [DeadLetterKey]

    /// Aggregates (status `ok` or `gap`) whose next version is parked: drains left over. At most `limit`.
    func leftoverDrains(_ consumer: ConsumerName, limit: Int) throws -> [Aggregate]

    /// Aggregates whose retry (reason `retry` or `newerRevision`) is due at `now`; a next attempt further away than `maxDelay` is due too. At most `limit`.
    func dueRetries(_ consumer: ConsumerName, now: Timestamp, maxDelay: Duration, limit: Int) throws -> [Aggregate]

    /// The gaps whose oldest row was parked before `limitTime`, oldest first. At most `limit`.
    func gaps(_ consumer: ConsumerName, parkedBefore limitTime: Timestamp, limit: Int) throws -> [Gap]

    /// How many rows the consumer has parked.
    func parkedCount(_ consumer: ConsumerName) throws -> Int

    /// The consumer's row; inserted with `fresh` when there is none.
    func registration(_ consumer: ConsumerName, insertingIfAbsent fresh: ConsumerRegistration) throws
        -> ConsumerRegistration

    /// Replaces the consumer's row.
    func writeRegistration(_ consumer: ConsumerName, _ registration: ConsumerRegistration) throws
}

/// The side of a transaction that publishes.
public protocol OutboxTransaction: AnyObject {
    /// The head of an aggregate; `nil` when it has none.
    func head(of aggregate: Aggregate) throws -> AggregateHead?

    /// Replaces `expected` (`nil`: no row) by `head`, comparing the version. The published version and its sequence
    /// never go back: a relay may have marked them since `expected` was read.
    /// - Returns: whether the row was as expected.
    func compareAndSetHead(_ expected: AggregateHead?, to head: AggregateHead) throws -> Bool

    /// Adds a staged event. What is wrong with it (its version is staged already) may be thrown as late as the failure
    /// of an enqueued statement (``EffectTransaction/enqueue(_:arguments:)``).
    func insertOutbox(_ row: OutboxRow) throws

    /// Takes, for the time of `lease`, the lowest unpublished row of up to `limit` aggregates that no relay has taken,
    /// together with their heads. What another relay holds is skipped.
    func claimOutbox(now: Timestamp, lease: Duration, limit: Int) throws -> [OutboxClaim]

    /// Marks a row published and moves its aggregate's head (published version, stream sequence) forward, never back.
    func markPublished(_ row: OutboxRow, at sequence: StreamSequence, now: Timestamp) throws

    /// Gives a claimed row back, to be taken again not before `time`.
    func releaseOutbox(_ row: OutboxRow, notBefore time: Timestamp) throws

    /// Takes back that events were published, which the stream has lost since: the head goes back to `version` at
    /// `sequence`, and the held rows of all later versions are to be published again, the lowest first. Only where the
    /// head's published version and sequence are still those of `expected`, and no row of a later published version is
    /// missing.
    /// - Returns: whether it was done; if not, nothing was written.
    func reopenOutbox(
        _ expected: AggregateHead, behind version: AggregateVersion, at sequence: StreamSequence
    ) throws -> Bool

    /// Deletes rows published before `time`, at most `limit`.
    /// - Returns: how many there were.
    func deletePublished(before time: Timestamp, limit: Int) throws -> Int
}
