import Synchronization
import TertibRuntime

/// A store that counts how often its transactions are tried, and how often one of them meets somebody else's.
final class ObservedStore: ConsumerStore {
    /// What has been seen.
    struct Counts: Hashable, Sendable {
        /// Transactions that were begun.
        var tries = 0
        /// Those that ended because somebody else was faster.
        var conflicts = 0
    }

    private struct State {
        var counts = Counts()
        var hear: (@Sendable () -> Void)?
    }

    private let store: any ConsumerStore
    private let state = Mutex(State())

    init(_ store: any ConsumerStore) {
        self.store = store
    }

    /// Calls `hear` at each conflict from now on, and counts from zero.
    func begin(hear: (@Sendable () -> Void)? = nil) { state.withLock { $0 = State(hear: hear) } }

    /// What has been seen since ``begin(hear:)``.
    var counts: Counts { state.withLock(\.counts) }

    var locksRows: Bool { store.locksRows }

    func migrate() async throws { try await store.migrate() }

    func transaction<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result {
        try await counting { try await store.transaction(body) }
    }

    func serializableTransaction<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreTransaction) throws -> Result
    ) async throws -> Result {
        try await counting { try await store.serializableTransaction(body) }
    }

    func read<Result: Sendable>(
        _ body: @escaping @Sendable (any StoreReader) throws -> Result
    ) async throws -> Result {
        try await store.read(body)
    }

    func close() async { await store.close() }

    private func counting<Result>(_ body: () async throws -> Result) async throws -> Result {
        state.withLock { $0.counts.tries += 1 }
        do {
            return try await body()
        } catch {
            if error is UpdateConflict || (error as? StoreError)?.code == .conflict {
                let hear = state.withLock { state in
                    state.counts.conflicts += 1
                    return state.hear
                }
                hear?()
            }
            throw error
        }
    }
}
