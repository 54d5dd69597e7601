public import TertibCore

/// The store's transaction, as a handler or an owner of aggregates sees it. Valid only inside the closure it was given
/// to, on that thread.
public final class HandlerTransaction {
    package let store: any StoreTransaction
    private let staging: Staging
    private let cause: Causation
    /// Whether something was staged, so that the relay is to be woken after the commit.
    private(set) var hasStaged = false

    init(store: any StoreTransaction, staging: Staging, cause: Causation) {
        self.store = store
        self.staging = staging
        self.cause = cause
    }

    /// Runs one statement with `?` placeholders.
    /// - Returns: how many rows it changed.
    /// - Throws: ``StoreError``; a statement that controls the transaction is refused.
    @discardableResult
    public func execute(_ sql: String, _ arguments: any SQLConvertible...) throws -> Int {
        try store.execute(sql, arguments: arguments.map(\.sqlValue))
    }

    /// Runs one statement with `?` placeholders whose result is not needed: what a handler should write with.
    ///
    /// Statements run in their order, and later ones see what it wrote. A store on a server sends many of them, those of
    /// other events included, in one round trip; so what is wrong with it may be thrown later: by a later call on this
    /// transaction, or after the handler has returned. It is blamed on this event all the same, and nothing commits.
    /// - Throws: ``StoreError``; a statement that controls the transaction is refused.
    public func enqueue(_ sql: String, _ arguments: any SQLConvertible...) throws {
        try store.enqueue(sql, arguments: arguments.map(\.sqlValue))
    }

    /// Runs one query with `?` placeholders.
    /// - Throws: ``StoreError``.
    public func query(_ sql: String, _ arguments: any SQLConvertible...) throws -> [SQLRow] {
        try store.query(sql, arguments: arguments.map(\.sqlValue))
    }

    /// Stages an event about an aggregate that this service owns: it is published if, and only if, this transaction
    /// commits, in the order of the aggregate's versions.
    /// - Parameter expected: The version that the aggregate must have now; `nil` for whichever it has.
    /// - Returns: the version that the event got.
    /// - Throws: ``VersionConflict`` when the aggregate has another version; ``PublishingError`` when this service does
    ///   not publish that type through its outbox.
    @discardableResult
    public func stage<Payload: DomainEvent>(
        _ payload: Payload, for aggregate: Aggregate, expecting expected: AggregateVersion? = nil
    ) throws -> AggregateVersion {
        try stage(try NewEvent(payload), for: aggregate, expecting: expected)
    }

    /// Stages an event whose payload is JSON already.
    @discardableResult
    public func stage(
        _ event: NewEvent, for aggregate: Aggregate, expecting expected: AggregateVersion? = nil
    ) throws -> AggregateVersion {
        let version = try staging.stage(event, for: aggregate, expecting: expected, cause: cause, in: store)
        hasStaged = true
        return version
    }
}
