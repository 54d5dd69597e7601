public import TertibRuntime

/// A row of a user's table, a value a column by name.
public typealias MemoryRow = [String: SQLValue]

/// What an SQL text means to a ``MemoryStore``, which does not read SQL.
///
/// A statement runs to its end while the whole database stands still; where it has to wait for a neighbour's row it
/// begins again, so it must do nothing but work on the tables it is given.
public struct MemoryStatement: Sendable {
    private let body: @Sendable (MemoryTables, [SQLValue]) throws -> MemoryStatementResult

    /// Creates a statement from code that gets the tables and the arguments.
    public init(_ body: @escaping @Sendable (MemoryTables, [SQLValue]) throws -> MemoryStatementResult) {
        self.body = body
    }

    func run(_ tables: MemoryTables, _ arguments: [SQLValue]) throws -> MemoryStatementResult {
        try body(tables, arguments)
    }

    static func unknown(_ sql: String) -> StoreError {
        StoreError(
            .statement, attempted: "run \(sql)", reason: "no meaning was given for this text",
            advice: "Give it one: MemoryStore(statements: [text: MemoryStatement...]).")
    }

    /// The argument at an index, or the failure that a database has when there are too few.
    static func argument(_ index: Int, of arguments: [SQLValue]) throws -> SQLValue {
        guard arguments.indices.contains(index) else {
            throw StoreError(
                .statement, attempted: "bind the arguments", reason: "there are only \(arguments.count) of them")
        }
        return arguments[index]
    }
}

/// What came of a statement.
public struct MemoryStatementResult: Sendable {
    /// The rows of a query.
    public var rows: [SQLRow]
    /// How many rows were changed.
    public var changed: Int

    /// Creates the result of a statement that changes rows.
    public static func changed(_ count: Int) -> MemoryStatementResult {
        MemoryStatementResult(rows: [], changed: count)
    }

    /// Creates the result of a query; columns are in the order of their names.
    public static func rows(_ rows: [MemoryRow]) -> MemoryStatementResult {
        MemoryStatementResult(
            rows: rows.map { row in
                let columns = row.keys.sorted()
                return SQLRow(columns: columns, values: columns.map { row[$0] ?? .null })
            }, changed: 0)
    }
}

extension MemoryStatement {
    /// Does nothing: what CREATE TABLE means here, where a table is there when it is first used.
    public static let nothing = MemoryStatement { _, _ in .changed(0) }

    /// `INSERT INTO table (columns) VALUES (?, ...)`; a second row with the same key fails.
    public static func insert(into table: String, columns: [String], key: [String]) -> MemoryStatement {
        MemoryStatement { tables, arguments in
            let row = try row(columns, arguments)
            try tables.insert(row, into: table, key: key.map { row[$0] ?? .null })
            return .changed(1)
        }
    }

    /// `INSERT INTO table (columns) VALUES (?, ...) ON CONFLICT (key) DO UPDATE SET ...` of every column.
    public static func upsert(into table: String, columns: [String], key: [String]) -> MemoryStatement {
        MemoryStatement { tables, arguments in
            let row = try row(columns, arguments)
            try tables.put(row, into: table, key: key.map { row[$0] ?? .null })
            return .changed(1)
        }
    }

    /// `SELECT * FROM table WHERE column = ? AND ... ORDER BY key`.
    public static func select(from table: String, where columns: [String] = []) -> MemoryStatement {
        MemoryStatement { tables, arguments in
            let wanted = try row(columns, arguments)
            return .rows(tables.rows(of: table).filter { $0.agrees(with: wanted) })
        }
    }

    /// `UPDATE table SET column = ?, ... WHERE column = ? AND ...`: first the new values, then those compared.
    public static func update(_ table: String, set: [String], where columns: [String] = []) -> MemoryStatement {
        MemoryStatement { tables, arguments in
            let values = try row(set, arguments)
            let wanted = try row(columns, Array(arguments.dropFirst(set.count)))
            let count = try tables.update(table, where: { $0.agrees(with: wanted) }) { row in
                row.merge(values) { _, new in new }
            }
            return .changed(count)
        }
    }

    /// `DELETE FROM table WHERE column = ? AND ...`.
    public static func delete(from table: String, where columns: [String] = []) -> MemoryStatement {
        MemoryStatement { tables, arguments in
            let wanted = try row(columns, arguments)
            return .changed(try tables.delete(from: table) { $0.agrees(with: wanted) })
        }
    }

    private static func row(_ columns: [String], _ arguments: [SQLValue]) throws -> MemoryRow {
        var row: MemoryRow = [:]
        for (index, column) in columns.enumerated() { row[column] = try argument(index, of: arguments) }
        return row
    }
}

extension MemoryRow {
    /// Whether every column of `other` has the same value here; NULL agrees with nothing.
    fileprivate func agrees(with other: MemoryRow) -> Bool {
        other.allSatisfy { column, value in
            value != .null && (self[column] ?? .null).isSame(as: value)
        }
    }
}
