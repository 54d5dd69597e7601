package import TertibRuntime

/// One column of a table.
package struct Column: Sendable {
    package let name: String
    package let kind: ColumnKind
    let isNullable: Bool
    /// What a row gets that names no value, as SQL.
    let fallback: String?
}

/// One property of a record and the column, or columns, that hold it; or a column that no record holds.
///
/// A record is made of its `fixed` properties; the others are set one by one. So a property with a default value is
/// added by one line.
package struct Field<Record: Sendable>: Sendable {
    let columns: [Column]
    let write: (@Sendable (Record, inout [Cell]) -> Void)?
    let read: (@Sendable (inout Record, inout RowCursor) throws(StoreError) -> Void)?

    /// A property that the record cannot be made without: read, in its order, by the closure that makes the record.
    init<Value: StoredValue>(_ names: String..., fixed value: @escaping @Sendable (Record) -> Value) {
        columns = Self.columns(names, of: Value.self, as: nil)
        write = { record, cells in value(record).append(to: &cells) }
        read = nil
    }

    /// A property that is set when the record is read.
    init<Value: StoredValue>(
        _ names: String..., set property: any WritableKeyPath<Record, Value> & Sendable, as kind: ColumnKind? = nil
    ) {
        columns = Self.columns(names, of: Value.self, as: kind)
        write = { record, cells in record[keyPath: property].append(to: &cells) }
        read = { (record, cursor) throws(StoreError) in record[keyPath: property] = try cursor.next() }
    }

    /// A column that no record holds: part of the key, or kept by the store's own statements.
    init(_ name: String, _ kind: ColumnKind, isNullable: Bool = false, fallback: String? = nil) {
        columns = [Column(name: name, kind: kind, isNullable: isNullable, fallback: fallback)]
        write = nil
        read = nil
    }

    private static func columns<Value: StoredValue>(
        _ names: [String], of type: Value.Type, as kind: ColumnKind?
    ) -> [Column] {
        zip(names, Value.kinds).map {
            Column(name: $0, kind: kind ?? $1, isNullable: Value.isNullable, fallback: nil)
        }
    }
}

/// A table whose rows are values of one type: what it looks like on disk, and how a row becomes a value and back.
///
/// Whatever names several columns in a statement takes them from here, so that no two lists have to agree.
package struct Table<Record: Sendable>: Sendable {
    package let definition: TableDefinition
    /// The columns that the record holds, in the order in which they are written and read.
    package let columns: [Column]
    private let fields: [Field<Record>]
    private let make: @Sendable (inout RowCursor) throws(StoreError) -> Record

    init(
        _ name: String, key: [String], traits: TableDefinition.Traits = TableDefinition.Traits(),
        fields: [Field<Record>], make: @escaping @Sendable (inout RowCursor) throws(StoreError) -> Record
    ) {
        definition = TableDefinition(name, key: key, columns: fields.flatMap(\.columns), traits: traits)
        let held = fields.filter { $0.write != nil }
        self.fields = held.filter { $0.read == nil } + held.filter { $0.read != nil }
        columns = self.fields.flatMap(\.columns)
        self.make = make
    }

    /// The name on disk.
    package var name: String { definition.name }

    /// How many columns a record takes.
    package var width: Int { columns.count }

    /// Reads a record from the columns of ``list(_:)``.
    package func read(_ row: some RowReader, from column: Int = 0) throws(StoreError) -> Record {
        var cursor = RowCursor(row, from: column)
        var record = try make(&cursor)
        for field in fields { try field.read?(&record, &cursor) }
        return record
    }

    /// The record's values, behind others.
    package func cells(of record: Record, behind first: [Cell] = []) -> [Cell] {
        var cells = first
        cells.reserveCapacity(first.count + columns.count)
        for field in fields { field.write?(record, &cells) }
        return cells
    }

    /// `version, event_id`, or `p.version, p.event_id`.
    package func list(_ alias: String? = nil, from first: Int = 0) -> String {
        columns[first...].map { (alias.map { "\($0)." } ?? "") + $0.name }.joined(separator: ", ")
    }

    /// `?1, ?2`: a placeholder for each column.
    package func places(from first: Int) -> String {
        (first..<first + width).map { "?\($0)" }.joined(separator: ", ")
    }

    /// `INSERT INTO ... VALUES (?1, ?2, ...)`: the `others` first, then the record.
    package func insert(with others: String...) -> String {
        let names = others.map { "\($0), " }.joined() + list()
        let places = others.indices.map { "?\($0 + 1), " }.joined() + places(from: others.count + 1)
        return "INSERT INTO \(name) (\(names)) VALUES (\(places))"
    }

    /// `version = ..., event_id = ...`: all columns but the key and those to keep.
    /// - Parameter value: What a column becomes, by its place among the columns and its name.
    package func assignments(
        keeping kept: [String] = [], _ value: (_ place: Int, _ name: String) -> String
    ) -> String {
        columns.enumerated().filter { !(definition.key + kept).contains($0.element.name) }
            .map { "\($0.element.name) = \(value($0.offset, $0.element.name))" }.joined(separator: ", ")
    }

    /// `ON CONFLICT (...) DO UPDATE SET version = excluded.version, ...`: all columns but the key and those to keep.
    package func orReplace(on unique: [String]? = nil, keeping kept: [String] = []) -> String {
        let unique = unique ?? definition.key
        return "ON CONFLICT (\(unique.joined(separator: ", "))) DO UPDATE SET "
            + assignments(keeping: unique + kept) { "excluded.\($1)" }
    }
}

/// A table on disk.
package struct TableDefinition: Sendable {
    /// What is particular about a table.
    package struct Traits: Sendable {
        /// Columns that are unique together, besides the key.
        var unique: [String] = []
        /// The key is a number that the database gives.
        var isNumbered = false
        /// Its rows are found by their key and little else: SQLite keeps them in the key's tree.
        var isKeyed = false
        /// Its rows are updated often: PostgreSQL leaves room in the pages.
        var isUpdatedOften = false
        /// Conditions about a row that indexes and queries share.
        var conditions: [RowCondition] = []
        var indexes: [TableIndex] = []
    }

    package let name: String
    package let key: [String]
    package let columns: [Column]
    package let traits: Traits

    init(_ name: String, key: [String], columns: [Column], traits: Traits) {
        self.name = name
        self.key = key
        self.columns = columns
        self.traits = traits
    }
}

/// A named condition about a row: a generated column in PostgreSQL, the condition itself in SQLite.
///
/// In PostgreSQL an update of a column that stands in an index, or in its condition, has to write to every index of the
/// row. The condition changes far less often than the columns that it is made of.
package struct RowCondition: Sendable {
    let name: String
    /// The condition; `{}` stands before each name of a column.
    let sql: String

    /// The condition about the row of a table that the statement calls `alias`.
    func expression(_ alias: String) -> String { sql.replacing("{}", with: alias) }
}

/// An index.
package struct TableIndex: Sendable {
    let name: String
    let columns: String
    /// Columns that SQLite's index has besides, so that a count is answered from the index alone.
    var covering: String?
    /// Only rows under this condition are in it; the name of a ``RowCondition`` in braces, or SQL.
    var condition: String?
}
