import TertibRuntime

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

extension SimulationState {
    /// Throws unless a value is the expected one: what an invariant has to do for its run to count as failed.
    public func require<Value: Equatable>(_ value: Value, equals expected: Value) throws {
        guard value == expected else { throw InvariantViolation("\(value) is not \(expected), as expected") }
    }
}

/// What an invariant throws that does not hold.
public struct InvariantViolation: Error, CustomStringConvertible {
    /// What is wrong.
    public let description: String

    /// Creates an error that says what is wrong.
    public init(_ description: String) {
        self.description = description
    }
}
