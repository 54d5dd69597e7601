/// One step of a transaction in a ``PermutationScript``. Aggregates and rows go by short names: `a` is `product/a`.
public enum PermutationStep: Hashable, Sendable {
    /// Reads the watermarks of these aggregates.
    case read([String])
    /// Claims these aggregates as they were read; what was not read is claimed as new.
    case claim([String])
    /// Applies one version of an aggregate that was claimed.
    case apply(String, Int64)
    /// Parks versions of an aggregate that was claimed.
    case park(String, [Int64])
    /// Applies what is parked directly above the watermark of an aggregate that was claimed, and deletes it.
    case drain(String)
    /// Writes the watermark of an aggregate that was claimed.
    case write(String)
    /// What a consumer does with versions that it holds of an aggregate that it has claimed: applies, drains, parks,
    /// writes.
    case consume(String, [Int64])
    /// Keeps a dead letter of a stream sequence.
    case keep(UInt64)
    /// Reads the open dead letters of these aggregates.
    case openDeadLetters([String])
    /// Finds drains left over.
    case leftovers
    /// Counts the parked rows.
    case parkedCount
    /// Reads the consumer's row, or inserts one of this identity.
    case register(String)
    /// Reads the head of an aggregate.
    case readHead(String)
    /// Moves the head of an aggregate from what was read (or from nothing) to the next version.
    case setHead(String)
    /// Adds the event of that version to the outbox.
    case insertOutbox(String)
    /// Takes up to so many rows of the outbox, as a relay does.
    case relay(Int)
    /// Marks what was taken as published.
    case mark
    /// Gives back what was taken.
    case release
    /// Inserts a row of the user's, whose key must be free.
    case insert(Int64)
    /// The same under a savepoint, whose failure is swallowed.
    case tryInsert(Int64)
    /// Adds one to a row of the user's.
    case add(Int64)
    /// Deletes a row of the user's.
    case delete(Int64)
    /// Reads all rows of the user's.
    case list
    /// Throws: the transaction is rolled back.
    case fail
}
