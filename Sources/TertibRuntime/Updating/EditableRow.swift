/// Which row of one of the service's own tables: a table, and the columns of its key with their values.
///
/// Names of tables and columns are the program's own: they are quoted, so that they are names whatever they contain.
public struct RowReference: Sendable {
    let table: String
    let key: [(column: String, value: SQLValue)]

    /// A row by its key.
    public init(_ table: String, _ key: KeyValuePairs<String, any SQLConvertible>) {
        self.table = table
        self.key = key.map { ($0.key, $0.value.sqlValue) }
    }
}

/// The row as it was read, and what it is to become.
public struct EditableRow: Hashable, Sendable {
    /// The row as it was read.
    public let original: SQLRow
    /// The columns that were set, in the order of the table.
    private var changes: [String: SQLValue] = [:]

    init(_ original: SQLRow) {
        self.original = original
    }

    /// The value of a column, as it was set or read; setting a column that the row does not have fails at the write.
    public subscript(column: String) -> SQLValue {
        get { changes[column] ?? original[column] }
        set { changes[column] = newValue }
    }

    /// What was set, by name.
    var assignments: [(column: String, value: SQLValue)] {
        changes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
