import Foundation
import TertibRuntime
import TertibCore

/// Where the transactions of a ``MemoryStore`` run, how they wait for each other, and what guards the database.
protocol MemoryThreads: Sendable {
    /// Runs `body` to its end, off the cooperative pool.
    func run(_ body: @escaping @Sendable () -> Void)

    /// Runs `body` while nobody else looks at the database.
    func guarded<Result>(_ body: () throws -> Result) rethrows -> Result

    /// Waits until `condition` holds; the guard is given up meanwhile, and held again on return.
    /// - Returns: whether everything ends, so that it may not hold.
    func wait(until condition: () -> Bool) -> Bool

    /// What somebody waits for may hold now.
    func announce()

    /// A transaction is about to take its next step.
    func step() throws
}

/// A thread for each transaction, and a monitor.
final class OwnThreads: MemoryThreads {
    // NSCondition is a monitor and safe from every thread.
    private let condition = NSCondition()

    func run(_ body: @escaping @Sendable () -> Void) {
        let thread = Thread(block: body)
        thread.stackSize = 4 << 20
        thread.name = "tertib.memory-store"
        thread.start()
    }

    func guarded<Result>(_ body: () throws -> Result) rethrows -> Result { try condition.withLock(body) }

    func wait(until condition: () -> Bool) -> Bool {
        while !condition() { self.condition.wait() }
        return false
    }

    func announce() { condition.broadcast() }

    func step() {}
}

/// Is told what happens in a database, while nobody else looks at it.
protocol MemoryObserver: Sendable {
    /// A transaction has committed: what it has written, and all tables before and after.
    func committed(
        _ transaction: MemoryTransactionID, written: [(table: MemoryTableName, key: MemoryKey)],
        before: MemoryTableSet, after: MemoryTableSet)

    /// A transaction has claimed watermarks, and won some of them; beside it what has committed so far.
    func claimed(_ expected: [Watermark], won: [Aggregate: Watermark], committed: MemoryTableSet)

    /// A transaction waits for a neighbour's row.
    func waits(_ transaction: MemoryTransactionID, for lock: MemoryLock)

    /// A wait would have closed a circle.
    func meetsDeadlock(_ transaction: MemoryTransactionID)
}
