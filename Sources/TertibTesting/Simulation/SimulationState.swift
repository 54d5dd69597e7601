import Tertib

/// What the database of a simulated service holds when everything has come to rest: what a user's invariant is about.
public struct SimulationState: Sendable {
    private let tables: MemoryTableSet

    init(tables: MemoryTableSet) {
        self.tables = tables
    }

    /// The rows of one of the service's own tables, by key.
    public func rows(_ table: String) -> [MemoryRow] {
        let rows = tables[table]
        return rows.keys(beginningWith: MemoryKey()).compactMap { rows[$0]?.row }
    }
}
