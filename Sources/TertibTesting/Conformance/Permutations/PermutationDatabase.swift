public import TertibRuntime

/// What a permutation runs on: a database that can be emptied, opened by several replicas, and asked who waits.
public struct PermutationDatabase: Sendable {
    /// What it is called in a mismatch.
    public let name: String
    /// Whether a claim that meets a neighbour waits for a moment of its own, and then counts as lost.
    let claimsEndByThemselves: Bool
    let waiting: @Sendable () async throws -> Int
    let empty: @Sendable () async throws -> [any ConsumerStore]

    /// Creates a description.
    /// - Parameters:
    ///   - claimsEndByThemselves: Whether a claim that meets a neighbour waits for a moment and then counts as lost; then
    ///     it is never taken for one that waits until the neighbour is done.
    ///   - waiting: How many transactions wait for another one now. Only asked while several are open and one of them
    ///     does not come back from a step, so a database with one writer at a time may say `Int.max` always.
    ///   - empty: Empties all tables, those of ``ConformanceSQL`` included, and opens a store for each transaction of the
    ///     largest script, the same ones each time or others. Closing them is the caller's.
    public init(
        _ name: String, claimsEndByThemselves: Bool = false, waiting: @escaping @Sendable () async throws -> Int,
        empty: @escaping @Sendable () async throws -> [any ConsumerStore]
    ) {
        self.name = name
        self.claimsEndByThemselves = claimsEndByThemselves
        self.waiting = waiting
        self.empty = empty
    }

    /// A new ``MemoryStore`` for each interleaving.
    public static func memory(_ isolation: MemoryStore.Isolation) -> PermutationDatabase {
        let current = CurrentMemory()
        return PermutationDatabase(
            isolation == .serial ? "memory, one writer" : "memory, read committed",
            waiting: { current.store?.waitingTransactions ?? 0 },
            empty: {
                let store = MemoryStore(isolation: isolation)
                current.store = store
                return [store, store.replica(), store.replica()]
            })
    }
}
