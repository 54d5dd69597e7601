/// A row of one of the service's own tables as a value of the program's, with a number that rises with each write: a
/// record that was read in one transaction is saved in a later one only if no other writer has saved it in between.
public protocol VersionedRecord: Sendable {
    /// The table.
    static var table: String { get }
    /// The column of ``version``; `version` by default.
    static var versionColumn: String { get }

    /// Reads a row.
    /// - Throws: when the row is not one of these.
    init(row: SQLRow) throws

    /// The columns of its key, with their values.
    var key: KeyValuePairs<String, any SQLConvertible> { get }
    /// The other columns, the version's left out, with their values.
    var values: KeyValuePairs<String, any SQLConvertible> { get }
    /// The version that was read or saved last; 0 when it has never been saved.
    var version: Int64 { get set }
}

extension VersionedRecord {
    /// `version`
    public static var versionColumn: String { "version" }
}

extension HandlerTransaction {
    /// The record with this key; `nil` when there is none.
    /// - Throws: ``StoreError``, or what ``VersionedRecord/init(row:)`` throws.
    public func find<Record: VersionedRecord>(
        _ type: Record.Type, _ key: KeyValuePairs<String, any SQLConvertible>
    ) throws -> Record? {
        let condition = RowStatement.condition(key.map(\.key))
        return try store.query(
            "SELECT * FROM \(RowStatement.quoted(Record.table)) WHERE \(condition)",
            arguments: key.map(\.value.sqlValue)
        ).first.map(Record.init)
    }

    /// Saves a record, and raises its version: adds it when it has none yet, else replaces the row that it was read
    /// from.
    /// - Throws: ``UpdateConflict`` with the expected and the actual version when another writer has saved or deleted it
    ///   since; then the record is as it was, and nothing is written. ``StoreError``.
    public func save<Record: VersionedRecord>(_ record: inout Record) throws {
        let changed =
            record.version == 0
            ? try store.execute(RowStatement.insert(record), arguments: RowStatement.arguments(inserting: record))
            : try store.execute(RowStatement.update(record), arguments: RowStatement.arguments(updating: record))
        guard changed == 1 else {
            let column = RowStatement.quoted(Record.versionColumn)
            let found = try store.query(
                "SELECT \(column) AS version FROM \(RowStatement.quoted(Record.table)) WHERE "
                    + RowStatement.condition(record.key.map(\.key)), arguments: record.key.map(\.value.sqlValue))
            throw UpdateConflict(
                table: Record.table, policy: ConcurrencyPolicy.version.name, expected: record.version,
                actual: found.first?["version"].integer)
        }
        record.version += 1
    }
}

/// Statements about one row, in the SQL that SQLite and PostgreSQL share. Names are the program's and are quoted; data
/// goes into placeholders only.
enum RowStatement {
    static func quoted(_ name: String) -> String { "\"\(name.replacing("\"", with: "\"\""))\"" }

    /// `"a" = ? AND "b" = ?`
    static func condition(_ columns: [String]) -> String {
        columns.map { "\(quoted($0)) = ?" }.joined(separator: " AND ")
    }

    static func insert<Record: VersionedRecord>(_ record: Record) -> String {
        let columns = record.key.map(\.key) + record.values.map(\.key) + [Record.versionColumn]
        let places = columns.map { _ in "?" }.joined(separator: ", ")
        return "INSERT INTO \(quoted(Record.table)) (\(columns.map(quoted).joined(separator: ", "))) "
            + "VALUES (\(places)) ON CONFLICT DO NOTHING"
    }

    static func arguments(inserting record: some VersionedRecord) -> [SQLValue] {
        record.key.map(\.value.sqlValue) + record.values.map(\.value.sqlValue) + [.integer(1)]
    }

    static func update<Record: VersionedRecord>(_ record: Record) -> String {
        let settings = (record.values.map(\.key) + [Record.versionColumn]).map { "\(quoted($0)) = ?" }
        return "UPDATE \(quoted(Record.table)) SET \(settings.joined(separator: ", ")) WHERE "
            + condition(record.key.map(\.key) + [Record.versionColumn])
    }

    static func arguments(updating record: some VersionedRecord) -> [SQLValue] {
        record.values.map(\.value.sqlValue) + [.integer(record.version + 1)] + record.key.map(\.value.sqlValue)
            + [.integer(record.version)]
    }
}
