import TertibRuntime

/// What a run has left in the database, read from outside with plain SQL.
public struct LostUpdatesFacts: Hashable, Sendable {
    /// Rows of the ledger: updates that have committed.
    public var committed: Int
    /// Updates that have committed and whose effect is not in the final state.
    public var lost: Int
    /// Changes in the final state that no committed update explains.
    public var unexplained: Int
    /// Whether more was taken than there was, or the column says less than none.
    public var isNegative: Bool
    /// How many rows, or pieces, nobody has changed or taken.
    public var left: Int
    /// The final state in words.
    public var state: String

    /// Reads them.
    static func read(
        _ anomaly: Anomaly, from tables: LostUpdatesTables, initialStock: Int, in store: any ConsumerStore
    ) async throws -> LostUpdatesFacts {
        try await store.read { reader in
            switch anomaly {
            case .stateful: try orders(tables, reader)
            case .stateless: try stock(tables, initialStock, reader)
            }
        }
    }

    private static func orders(_ tables: LostUpdatesTables, _ reader: any StoreReader) throws -> LostUpdatesFacts {
        let lost = try reader.count(
            """
            SELECT COUNT(*) AS n FROM \(tables.ledger) AS l WHERE NOT EXISTS (
                SELECT 1 FROM \(tables.orders) AS o WHERE o.id = l.row_id AND o.order_status = l.became)
            """)
        let unexplained = try reader.count(
            """
            SELECT COUNT(*) AS n FROM \(tables.orders) AS o WHERE o.order_status <> ? AND NOT EXISTS (
                SELECT 1 FROM \(tables.ledger) AS l WHERE l.row_id = o.id AND l.became = o.order_status)
            """, .text(LostUpdatesTables.newStatus))
        func orders(in status: String) throws -> Int {
            try reader.count("SELECT COUNT(*) AS n FROM \(tables.orders) WHERE order_status = ?", .text(status))
        }
        let (paid, cancelled) = (try orders(in: "PAID"), try orders(in: "CANCELLED"))
        let new = try orders(in: LostUpdatesTables.newStatus)
        return LostUpdatesFacts(
            committed: try reader.count("SELECT COUNT(*) AS n FROM \(tables.ledger)"), lost: lost,
            unexplained: unexplained, isNegative: false, left: new,
            state: "\(paid) paid, \(cancelled) cancelled" + (new > 0 ? ", \(new) new" : ""))
    }

    private static func stock(
        _ tables: LostUpdatesTables, _ initial: Int, _ reader: any StoreReader
    ) throws -> LostUpdatesFacts {
        let committed = try reader.count("SELECT COUNT(*) AS n FROM \(tables.ledger)")
        let stock = try reader.count("SELECT stock AS n FROM \(tables.stock)")
        let gone = initial - stock
        return LostUpdatesFacts(
            committed: committed, lost: max(0, committed - gone), unexplained: max(0, gone - committed),
            isNegative: stock < 0 || committed > initial, left: stock,
            state: "\(committed) of \(initial) taken, stock \(stock)")
    }
}

extension StoreReader {
    /// The number in the column `n` of the only row.
    fileprivate func count(_ sql: String, _ arguments: SQLValue...) throws -> Int {
        Int(try query(sql, arguments: arguments).first?["n"].integer ?? 0)
    }
}
