import TertibRuntime
import TertibCore

/// The database itself: what has committed, what each transaction has written, and the locks.
///
/// It is no thread's own: ``MemoryDatabase`` guards it.
final class MemoryCore {
    /// What a transaction has written and not committed.
    private struct Overlay {
        var records: [MemoryTableName: [MemoryKey: MemoryRecord?]] = [:]
        var undo: [Undo] = []
        var taken: [MemoryLock] = []
        /// Locks that are kept although nothing was written.
        var kept: Set<MemoryLock> = []
    }

    private struct Undo {
        let table: MemoryTableName
        let key: MemoryKey
        /// What the overlay had at the key; the outer `nil` is "nothing".
        let previous: MemoryRecord??
    }

    /// A moment within a transaction to which it can go back.
    struct Mark {
        fileprivate let undo: Int
        fileprivate let taken: Int
    }

    private(set) var committed = MemoryTableSet()
    var locks = MemoryLocks()
    private var overlays: [MemoryTransactionID: Overlay] = [:]
    private var lastTransaction: MemoryTransactionID = 0
    private var lastPosition: Int64 = 0

    // MARK: - Transactions

    func begin() -> MemoryTransactionID {
        lastTransaction += 1
        overlays[lastTransaction] = Overlay()
        return lastTransaction
    }

    /// Whether the transaction has neither ended nor been dropped.
    func isAlive(_ transaction: MemoryTransactionID) -> Bool { overlays[transaction] != nil }

    func commit(_ transaction: MemoryTransactionID) {
        guard let overlay = overlays.removeValue(forKey: transaction) else { return }
        for (table, records) in overlay.records {
            for (key, record) in records { committed.set(record, at: key, in: table) }
        }
        locks.releaseAll(of: transaction)
    }

    /// The rows that a transaction has written, by table and key.
    func written(by transaction: MemoryTransactionID) -> [(table: MemoryTableName, key: MemoryKey)] {
        let rows = (overlays[transaction]?.records ?? [:]).flatMap { table, records in
            records.keys.map { (table: table, key: $0) }
        }
        return rows.sorted { ($0.table, $0.key) < ($1.table, $1.key) }
    }

    func rollback(_ transaction: MemoryTransactionID) {
        overlays[transaction] = nil
        locks.releaseAll(of: transaction)
    }

    /// The next position of the outbox: like every database's, it is not given back by a rollback.
    func nextPosition() -> Int64 {
        lastPosition += 1
        return lastPosition
    }

    // MARK: - Moments

    func mark(_ transaction: MemoryTransactionID) -> Mark {
        let overlay = overlays[transaction] ?? Overlay()
        return Mark(undo: overlay.undo.count, taken: overlay.taken.count)
    }

    /// Undoes what was written since the mark, and gives back the locks taken since.
    func undo(to mark: Mark, of transaction: MemoryTransactionID) {
        undoWrites(to: mark, of: transaction)
        guard var overlay = overlays[transaction] else { return }
        for lock in overlay.taken[mark.taken...] {
            locks.release(lock, by: transaction)
            overlay.kept.remove(lock)
        }
        overlay.taken.removeSubrange(mark.taken...)
        overlays[transaction] = overlay
    }

    /// Undoes what was written since the mark, and keeps the locks: a statement begins again.
    func undoWrites(to mark: Mark, of transaction: MemoryTransactionID) {
        guard overlays[transaction] != nil else { return }
        while let entry = overlays[transaction]?.undo.last, overlays[transaction]?.undo.count ?? 0 > mark.undo {
            overlays[transaction]?.undo.removeLast()
            if let previous = entry.previous {
                overlays[transaction]?.records[entry.table]?.updateValue(previous, forKey: entry.key)
            } else {
                overlays[transaction]?.records[entry.table]?.removeValue(forKey: entry.key)
            }
        }
    }

    /// Gives back the locks taken since the mark on rows that the transaction has not written: a statement has ended.
    func releaseUnused(since mark: Mark, of transaction: MemoryTransactionID) {
        guard let taken = overlays[transaction]?.taken, taken.count > mark.taken else { return }
        var kept: [MemoryLock] = []
        for lock in taken[mark.taken...] {
            let isWritten = overlays[transaction]?.records[lock.table]?[lock.key] != nil
            if !isWritten, overlays[transaction]?.kept.contains(lock) != true {
                locks.release(lock, by: transaction)
            } else {
                kept.append(lock)
            }
        }
        overlays[transaction]?.taken.replaceSubrange(mark.taken..., with: kept)
    }

    /// Keeps the lock of a row that a statement has waited for, compared again and not changed, as PostgreSQL does.
    func keepLock(_ key: MemoryKey, in table: MemoryTableName, for transaction: MemoryTransactionID) {
        overlays[transaction]?.kept.insert(MemoryLock(table: table, key: key))
    }

    // MARK: - Rows

    /// The row as the transaction sees it: its own, or what `base` (by default what has committed by now) holds.
    func record(
        _ key: MemoryKey, in table: MemoryTableName, for transaction: MemoryTransactionID?,
        on base: MemoryTableSet? = nil
    ) -> MemoryRecord? {
        if let transaction, let own = overlays[transaction]?.records[table]?[key] { return own }
        return (base ?? committed)[table][key]
    }

    /// The rows whose keys begin with `prefix`, by key.
    func records(
        in table: MemoryTableName, beginningWith prefix: MemoryKey = MemoryKey(),
        for transaction: MemoryTransactionID?, on base: MemoryTableSet? = nil
    ) -> [(key: MemoryKey, record: MemoryRecord)] {
        let source = (base ?? committed)[table]
        let own = transaction.flatMap { overlays[$0]?.records[table] } ?? [:]
        var found: [(key: MemoryKey, record: MemoryRecord)] = []
        for key in source.keys(beginningWith: prefix) where own[key] == nil {
            if let record = source[key] { found.append((key, record)) }
        }
        guard !own.isEmpty else { return found }
        for (key, record) in own where key.begins(with: prefix) {
            if let record { found.append((key, record)) }
        }
        return found.sorted { $0.key < $1.key }
    }

    /// Writes a row; `nil` deletes it. The caller holds its lock.
    func put(
        _ record: MemoryRecord?, at key: MemoryKey, in table: MemoryTableName, by transaction: MemoryTransactionID
    ) {
        let previous = overlays[transaction]?.records[table]?[key]
        overlays[transaction]?.undo.append(Undo(table: table, key: key, previous: previous))
        overlays[transaction]?.records[table, default: [:]].updateValue(record, forKey: key)
    }

    /// Takes a row's lock if it is free.
    func take(_ key: MemoryKey, in table: MemoryTableName, for transaction: MemoryTransactionID) -> Bool {
        let lock = MemoryLock(table: table, key: key)
        if locks.owner(of: lock) == transaction { return true }
        guard locks.take(lock, for: transaction) else { return false }
        noteTaken(lock, by: transaction)
        return true
    }

    /// Notes a lock that was handed over while the transaction waited.
    func noteTaken(_ lock: MemoryLock, by transaction: MemoryTransactionID) {
        overlays[transaction]?.taken.append(lock)
    }
}
