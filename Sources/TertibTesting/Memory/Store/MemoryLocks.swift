/// What a transaction can lock: one row, there or about to be there; or the whole database, under one writer at a time.
struct MemoryLock: Hashable, Sendable {
    let table: MemoryTableName
    let key: MemoryKey

    static let writer = MemoryLock(table: "", key: MemoryKey())
}

/// The number of a transaction, from 1.
typealias MemoryTransactionID = Int

/// Who holds which lock, and who waits for it: first come, first served, so that the same calls give the same order.
struct MemoryLocks {
    private var owners: [MemoryLock: MemoryTransactionID] = [:]
    private var queues: [MemoryLock: [MemoryTransactionID]] = [:]
    private var held: [MemoryTransactionID: Set<MemoryLock>] = [:]
    private var waiting: [MemoryTransactionID: MemoryLock] = [:]

    func owner(of lock: MemoryLock) -> MemoryTransactionID? { owners[lock] }

    /// How many transactions wait for a lock.
    var waitingCount: Int { waiting.count }

    /// Takes a free lock; `false` when somebody else holds it.
    mutating func take(_ lock: MemoryLock, for transaction: MemoryTransactionID) -> Bool {
        if let owner = owners[lock] { return owner == transaction }
        grant(lock, to: transaction)
        return true
    }

    /// Queues up behind the holder.
    /// - Returns: `false`, and nothing happens, when the holder waits, directly or through others, for `transaction`.
    mutating func enqueue(_ lock: MemoryLock, for transaction: MemoryTransactionID) -> Bool {
        var blocker = owners[lock]
        while let current = blocker {
            if current == transaction { return false }
            blocker = waiting[current].flatMap { owners[$0] }
        }
        queues[lock, default: []].append(transaction)
        waiting[transaction] = lock
        return true
    }

    /// Gives one lock back; the first in its queue gets it.
    mutating func release(_ lock: MemoryLock, by transaction: MemoryTransactionID) {
        guard owners[lock] == transaction else { return }
        owners[lock] = nil
        held[transaction]?.remove(lock)
        guard var queue = queues[lock], !queue.isEmpty else { return }
        let next = queue.removeFirst()
        queues[lock] = queue.isEmpty ? nil : queue
        waiting[next] = nil
        grant(lock, to: next)
    }

    /// Gives everything back and leaves every queue: the transaction is over.
    mutating func releaseAll(of transaction: MemoryTransactionID) {
        if let lock = waiting.removeValue(forKey: transaction) {
            queues[lock]?.removeAll { $0 == transaction }
        }
        // The order decides who is served first.
        let locks = (held[transaction] ?? []).sorted { ($0.table, $0.key) < ($1.table, $1.key) }
        for lock in locks { release(lock, by: transaction) }
        held[transaction] = nil
    }

    private mutating func grant(_ lock: MemoryLock, to transaction: MemoryTransactionID) {
        owners[lock] = transaction
        held[transaction, default: []].insert(lock)
    }
}
