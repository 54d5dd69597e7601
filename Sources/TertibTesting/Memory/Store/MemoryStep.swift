import TertibRuntime

/// What a transaction of a ``MemoryStore`` is about to do.
public struct MemoryStep: Hashable, Sendable {
    /// The operation.
    public let operation: MemoryOperation
    /// The transaction's number, from 1, in the order in which transactions begin; 0 before it has begun and for reads.
    public let transaction: Int
    /// How many steps this store has taken, this one included.
    public let call: Int

    /// Creates a step.
    public init(operation: MemoryOperation, transaction: Int, call: Int) {
        self.operation = operation
        self.transaction = transaction
        self.call = call
    }
}

/// The operations of a ``MemoryStore``, as a test names them.
public enum MemoryOperation: Hashable, Sendable {
    /// A transaction begins.
    case begin
    /// A snapshot is read.
    case read
    /// ``SequencingTransaction/watermarks(_:of:)``.
    case watermarks
    /// ``SequencingTransaction/claim(_:_:)``.
    case claim
    /// ``SequencingTransaction/write(_:_:)``.
    case write
    /// ``SequencingTransaction/parked(_:of:from:limit:)``.
    case parked
    /// ``SequencingTransaction/park(_:_:)``.
    case park
    /// ``SequencingTransaction/replaceParked(_:_:)``.
    case replaceParked
    /// ``SequencingTransaction/deleteParked(_:of:through:)``.
    case deleteParked
    /// ``SequencingTransaction/keep(_:_:)``.
    case keep
    /// ``SequencingTransaction/openDeadLetters(_:of:)``.
    case openDeadLetters
    /// ``SequencingTransaction/leftoverDrains(_:limit:)``.
    case leftoverDrains
    /// ``SequencingTransaction/dueRetries(_:now:maxDelay:limit:)``.
    case dueRetries
    /// ``SequencingTransaction/gaps(_:parkedBefore:limit:)``.
    case gaps
    /// ``SequencingTransaction/parkedCount(_:)``.
    case parkedCount
    /// ``SequencingTransaction/registration(_:insertingIfAbsent:)``.
    case registration
    /// ``SequencingTransaction/writeRegistration(_:_:)``.
    case writeRegistration
    /// ``OutboxTransaction/head(of:)``.
    case head
    /// ``OutboxTransaction/compareAndSetHead(_:to:)``.
    case compareAndSetHead
    /// ``OutboxTransaction/insertOutbox(_:)``.
    case insertOutbox
    /// ``OutboxTransaction/claimOutbox(now:lease:limit:)``.
    case claimOutbox
    /// ``OutboxTransaction/markPublished(_:at:now:)``.
    case markPublished
    /// ``OutboxTransaction/releaseOutbox(_:notBefore:)``.
    case releaseOutbox
    /// ``OutboxTransaction/reopenOutbox(_:behind:at:)``.
    case reopenOutbox
    /// ``OutboxTransaction/deletePublished(before:limit:)``.
    case deletePublished
    /// ``EffectTransaction/execute(_:arguments:)`` of this text.
    case execute(String)
    /// ``EffectTransaction/query(_:arguments:)`` of this text.
    case query(String)
    /// A savepoint is set.
    case savepoint
    /// The commit, when everything is written.
    case commit
}
