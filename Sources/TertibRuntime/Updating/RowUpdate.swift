/// How a read-modify-write of one row is kept from losing another writer's update. All of them are right on
/// every database; they differ in which writer waits or fails, and in what the table needs.
public enum ConcurrencyPolicy: Hashable, Sendable {
    /// Nothing is compared or locked: the last writer wins. For measuring what the others prevent.
    case none
    /// Optimistic: the row has a column with a number, which must be the one that was read, and is raised by the write.
    case version(column: String)
    /// Optimistic: every column must be as it was read, NULL being equal to NULL. For tables without a version column.
    case allColumns
    /// Pessimistic: the row is locked when it is read, and another writer waits (`FOR UPDATE`).
    case forUpdate
    /// Pessimistic, and another writer fails at once (`FOR UPDATE NOWAIT`).
    case forUpdateNoWait
    /// The whole transaction runs as if no other ran beside it; the database detects when that is not so.
    case serializable

    /// Optimistic, by a column called `version`.
    public static let version = ConcurrencyPolicy.version(column: "version")

    /// `none`, `version`, `all-columns`, `for-update`, `nowait`, `serializable`.
    public var name: String {
        switch self {
        case .none: "none"
        case .version: "version"
        case .allColumns: "all-columns"
        case .forUpdate: "for-update"
        case .forUpdateNoWait: "nowait"
        case .serializable: "serializable"
        }
    }
}

/// What happens when another writer was faster.
public enum ConflictReaction: Hashable, Sendable {
    /// ``UpdateConflict`` is thrown.
    case `throw`
    /// The whole closure runs again from the read, so that its checks see fresh data, with jitter; this is the maximum
    /// number of repetitions. Then ``UpdateConflict`` is thrown.
    case retry(atMost: Int)

    /// Again, at most 20 times.
    public static let retry = ConflictReaction.retry(atMost: 20)
}

/// Another writer has changed, locked or deleted the row in between. Nothing was written.
public struct UpdateConflict: Error, Hashable, Sendable, CustomStringConvertible {
    /// The table.
    public let table: String
    /// The policy that has detected it.
    public let policy: String
    /// The version that was read; `nil` where the policy compares none.
    public let expected: Int64?
    /// The version that the row has; `nil` where the policy compares none, or the row is gone.
    public let actual: Int64?

    /// Creates a conflict.
    public init(table: String, policy: String, expected: Int64? = nil, actual: Int64? = nil) {
        self.table = table
        self.policy = policy
        self.expected = expected
        self.actual = actual
    }

    /// What was expected, and what was found.
    public var description: String {
        guard let expected else { return "a row of \(table) was changed by another writer (\(policy))" }
        return "a row of \(table) has version \(actual.map(String.init) ?? "none: it is gone"), expected \(expected)"
    }
}

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

extension EventBus {
    /// Reads one row of the service's own tables, lets `body` change it, and writes it back, so that no update of
    /// another writer is lost; what `body` stages is published if, and only if, that commits.
    ///
    /// ```swift
    /// try await bus.update(RowReference("stock", ["product": "42"]), under: .version) { row, transaction in
    ///     guard let left = row["amount"].integer, left > 0 else { throw SoldOut() }
    ///     row["amount"] = .integer(left - 1)
    /// }
    /// ```
    ///
    /// Every policy is right on SQLite and on PostgreSQL. On SQLite one transaction writes at a time, so none of them
    /// ever conflicts within this call: the second writer waits, and reads what the first has written.
    /// - Parameters:
    ///   - policy: What detects, or prevents, that another writer writes the row in between.
    ///   - reaction: Whether a conflict is thrown, or the closure runs again from the read.
    ///   - body: May run several times; each time with the row as it is then.
    /// - Throws: ``UpdateConflict``, ``StoreError``, or what `body` throws; then nothing is written.
    @discardableResult
    public func update<Result: Sendable>(
        _ row: RowReference, under policy: ConcurrencyPolicy = .version, onConflict reaction: ConflictReaction = .retry,
        _ body: @escaping @Sendable (inout EditableRow, HandlerTransaction) throws -> Result
    ) async throws -> Result {
        let update = RowUpdate(row: row, policy: policy, locksRows: store.locksRows)
        var attempts = 0
        while true {
            let conflict: UpdateConflict
            do {
                return try await transactOnce(isSerializable: policy == .serializable) { handle in
                    try update.run(in: handle.store) { try body(&$0, handle) }
                }
            } catch let error as UpdateConflict {
                conflict = error
            } catch let error as StoreError where error.code == .conflict {
                // A deadlock, a row that is locked, a serialization failure: another writer was faster.
                conflict = UpdateConflict(table: row.table, policy: policy.name)
            }
            guard case .retry(let limit) = reaction, attempts < limit else { throw conflict }
            attempts += 1
            try await context.time.sleep(for: context.jitter(upTo: .milliseconds(1) * (1 << min(attempts, 7))))
        }
    }
}

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
