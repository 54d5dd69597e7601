/// One read-modify-write inside a transaction, under a policy. The SQL is what SQLite and PostgreSQL share; data goes
/// into placeholders only.
struct RowUpdate: Sendable {
    let row: RowReference
    let policy: ConcurrencyPolicy
    /// Whether the database can lock a row; where it cannot, it has locked itself for the transaction.
    let locksRows: Bool

    /// Reads the row, lets `body` change it, and writes it back.
    /// - Throws: ``UpdateConflict``; ``StoreError`` with ``StoreError/Code/statement`` when there is no such row.
    func run<Result>(
        in transaction: any StoreTransaction, _ body: (inout EditableRow) throws -> Result
    ) throws -> Result {
        var edited = EditableRow(try read(in: transaction))
        let result = try body(&edited)
        try write(edited, in: transaction)
        return result
    }

    private func read(in transaction: any StoreTransaction) throws -> SQLRow {
        let (condition, arguments) = keyCondition
        let rows = try transaction.query(
            "SELECT * FROM \(RowStatement.quoted(row.table)) WHERE \(condition)\(lock)", arguments: arguments)
        guard let found = rows.first, rows.count == 1 else {
            throw StoreError(
                .statement, attempted: "update a row of \(row.table)",
                reason: rows.isEmpty ? "there is no such row" : "the key fits several rows")
        }
        if case .version(let column) = policy, found[column].integer == nil {
            throw StoreError(
                .statement, attempted: "update a row of \(row.table)",
                reason: "its column \(column) holds no version number",
                advice: "Add it: \(column) BIGINT NOT NULL DEFAULT 1; or use another policy.")
        }
        return found
    }

    private func write(_ edited: EditableRow, in transaction: any StoreTransaction) throws {
        var assignments = edited.assignments
        var (condition, arguments) = keyCondition
        switch policy {
        case .version(let column):
            let version = edited.original[column].integer ?? 0
            assignments.removeAll { $0.column == column }
            assignments.append((column, .integer(version + 1)))
            condition += " AND \(RowStatement.quoted(column)) = ?"
            arguments.append(.integer(version))
        case .allColumns:
            for column in edited.original.columns {
                condition += " AND \(RowStatement.quoted(column)) IS NOT DISTINCT FROM ?"
                arguments.append(comparable(edited.original[column]))
            }
        case .none, .forUpdate, .forUpdateNoWait, .serializable:
            break
        }
        guard !assignments.isEmpty else { return }
        let settings = assignments.map { "\(RowStatement.quoted($0.column)) = ?" }.joined(separator: ", ")
        let changed = try transaction.execute(
            "UPDATE \(RowStatement.quoted(row.table)) SET \(settings) WHERE \(condition)",
            arguments: assignments.map(\.value) + arguments)
        if changed != 1 { throw try conflict(edited, in: transaction) }
    }

    /// A server whose columns have types compares a fraction with a `real` or a `numeric` exactly only in its own
    /// type, which it gives to a text.
    private func comparable(_ value: SQLValue) -> SQLValue {
        guard locksRows, case .double(let number) = value else { return value }
        return .text("\(number)")
    }

    private func conflict(_ edited: EditableRow, in transaction: any StoreTransaction) throws -> UpdateConflict {
        guard case .version(let column) = policy else { return UpdateConflict(table: row.table, policy: policy.name) }
        let (condition, arguments) = keyCondition
        let found = try transaction.query(
            "SELECT \(RowStatement.quoted(column)) AS version FROM \(RowStatement.quoted(row.table)) WHERE \(condition)",
            arguments: arguments)
        return UpdateConflict(
            table: row.table, policy: policy.name, expected: edited.original[column].integer,
            actual: found.first?["version"].integer)
    }

    private var keyCondition: (sql: String, arguments: [SQLValue]) {
        (RowStatement.condition(row.key.map(\.column)), row.key.map(\.value))
    }

    private var lock: String {
        guard locksRows else { return "" }
        return switch policy {
        case .forUpdate: " FOR UPDATE"
        case .forUpdateNoWait: " FOR UPDATE NOWAIT"
        case .none, .version, .allColumns, .serializable: ""
        }
    }
}
