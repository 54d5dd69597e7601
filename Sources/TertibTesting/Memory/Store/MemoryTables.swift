public import TertibRuntime
import TertibCore

/// The service's own tables, as one statement sees and changes them. Valid only while it runs.
///
/// Reading sees what had committed when the statement began, and what its transaction has written. Writing takes the
/// row's lock until the transaction ends, waits for a neighbour that has it, and then looks at what the neighbour left.
public final class MemoryTables {
    private let core: MemoryCore
    private let snapshot: MemoryTableSet
    private let transaction: MemoryTransactionID?

    init(core: MemoryCore, snapshot: MemoryTableSet, transaction: MemoryTransactionID?) {
        self.core = core
        self.snapshot = snapshot
        self.transaction = transaction
    }

    /// The rows of a table, by key.
    public func rows(of table: String) -> [MemoryRow] {
        core.records(in: table, for: transaction, on: snapshot).compactMap(\.record.row)
    }

    /// One row of a table.
    public func row(of table: String, key: [SQLValue]) -> MemoryRow? {
        core.record(MemoryKey(key), in: table, for: transaction, on: snapshot)?.row
    }

    /// Adds a row.
    /// - Throws: ``StoreError`` with code ``StoreError/Code/statement`` when the key is there already.
    public func insert(_ row: MemoryRow, into table: String, key: [SQLValue]) throws {
        let (key, transaction) = (MemoryKey(key), try writer())
        try core.lock(key, in: table, for: transaction)
        guard core.record(key, in: table, for: transaction) == nil else {
            throw StoreError(.statement, attempted: "insert into \(table)", reason: "there is a row with this key")
        }
        core.put(.row(row), at: key, in: table, by: transaction)
    }

    /// Adds a row, or replaces the one that is there.
    public func put(_ row: MemoryRow, into table: String, key: [SQLValue]) throws {
        let (key, transaction) = (MemoryKey(key), try writer())
        try core.lock(key, in: table, for: transaction)
        core.put(.row(row), at: key, in: table, by: transaction)
    }

    /// Adds a row, or changes the one that is there when its lock is taken: `INSERT ... ON CONFLICT DO UPDATE`.
    /// - Parameter change: Gets what is there, and gives back what is to be there.
    public func change(
        _ table: String, key: [SQLValue], _ change: (MemoryRow?) throws -> MemoryRow
    ) throws {
        let (key, transaction) = (MemoryKey(key), try writer())
        try core.lock(key, in: table, for: transaction)
        let row = try change(core.record(key, in: table, for: transaction)?.row)
        core.put(.row(row), at: key, in: table, by: transaction)
    }

    /// Changes every row that matches, and still does when its lock is taken. The key must not change.
    /// - Returns: how many rows were changed.
    @discardableResult
    public func update(
        _ table: String, where matches: (MemoryRow) -> Bool, _ change: (inout MemoryRow) throws -> Void
    ) throws -> Int {
        try each(table, where: matches) { key, row, transaction in
            var changed = row
            try change(&changed)
            core.put(.row(changed), at: key, in: table, by: transaction)
        }
    }

    /// Deletes every row that matches, and still does when its lock is taken.
    /// - Returns: how many rows there were.
    @discardableResult
    public func delete(from table: String, where matches: (MemoryRow) -> Bool) throws -> Int {
        try each(table, where: matches) { key, _, transaction in
            core.put(nil, at: key, in: table, by: transaction)
        }
    }

    /// Closes open dead letters, as an operator's tool will.
    func resolveDeadLetters(where matches: (DeadLetter) -> Bool) throws -> Int {
        let transaction = try writer()
        var count = 0
        for (key, record) in core.records(in: .deadLetter, for: transaction, on: snapshot) {
            guard case .deadLetter(let letter, _) = record, matches(letter) else { continue }
            try core.lock(key, in: .deadLetter, for: transaction)
            core.put(.deadLetter(letter, isOpen: false), at: key, in: .deadLetter, by: transaction)
            count += 1
        }
        return count
    }

    private func each(
        _ table: String, where matches: (MemoryRow) -> Bool,
        _ body: (MemoryKey, MemoryRow, MemoryTransactionID) throws -> Void
    ) throws -> Int {
        let transaction = try writer()
        var count = 0
        for (key, record) in core.records(in: table, for: transaction, on: snapshot) {
            guard let row = record.row, matches(row) else { continue }
            try core.lock(key, in: table, for: transaction)
            // The row that the snapshot names is gone when it was deleted meanwhile, also if another has its key now.
            guard snapshot[table].deletions(of: key) == core.committed[table].deletions(of: key),
                let latest = core.record(key, in: table, for: transaction)?.row
            else { continue }
            guard matches(latest) else {
                core.keepLock(key, in: table, for: transaction)
                continue
            }
            try body(key, latest, transaction)
            count += 1
        }
        return count
    }

    private func writer() throws -> MemoryTransactionID {
        guard let transaction else {
            throw StoreError(.statement, attempted: "write", reason: "this is a reader's snapshot")
        }
        return transaction
    }
}
