import GRDB
import GRDBSQLite
import TertibCore
import TertibRuntime
import TertibSQL

/// One prepared statement, stepped by SQLite's own functions.
///
/// GRDB prepares and finalizes it; `statement` keeps it alive. Values go in and out here because GRDB's bindings cut
/// texts at U+0000, end the process on a value that is too long, and cost more than the statement itself in the loops
/// over a batch (measured: 20 against 9 microseconds an event).
///
/// Used on its connection's thread only, and by one user at a time: each use ends with a reset.
final class PreparedStatement {
    /// Whether it changes rows, so that SQLite's count of changes is about it.
    let changesRows: Bool
    private let statement: Statement
    private let pointer: OpaquePointer
    private let connection: OpaquePointer?

    init(_ statement: Statement, changesRows: Bool = true) {
        self.statement = statement
        pointer = statement.sqliteStatement
        connection = sqlite3_db_handle(pointer)
        self.changesRows = changesRows && !statement.isReadonly
    }

    /// The number of its placeholders.
    var parameterCount: Int { Int(sqlite3_bind_parameter_count(pointer)) }

    /// Whether it writes nothing.
    var isReadOnly: Bool { sqlite3_stmt_readonly(pointer) != 0 }

    /// The names of its result's columns.
    var columnNames: [String] {
        (0..<Int(sqlite3_column_count(pointer))).map { StatementRow(pointer).name($0) }
    }

    /// Runs it to its end.
    /// - Returns: the number of rows that it changed.
    @discardableResult
    func execute(_ values: [some Bindable]) throws(DatabaseError) -> Int {
        defer { reset() }
        try bind(values)
        while try step() {}
        return changesRows ? Int(sqlite3_changes64(connection)) : 0
    }

    /// Runs it, and gives each row of its result to `body` until that returns `false`. A row is valid only inside.
    func forEachRow(_ values: [some Bindable], _ body: (StatementRow) throws -> Bool) throws {
        defer { reset() }
        try bind(values)
        while try step() {
            guard try body(StatementRow(pointer)) else { return }
        }
    }

    private func bind(_ values: [some Bindable]) throws(DatabaseError) {
        guard values.count == parameterCount else {
            throw DatabaseError(
                resultCode: .SQLITE_RANGE,
                message: "the statement has \(parameterCount) placeholders, and was given \(values.count) values")
        }
        var index: CInt = 1
        for value in values {
            let code = value.bind(to: pointer, at: index)
            guard code == SQLITE_OK else { throw failure(code) }
            index += 1
        }
    }

    private func step() throws(DatabaseError) -> Bool {
        switch sqlite3_step(pointer) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw failure(code)
        }
    }

    /// What a reset returns is the failure of the last step, which has been thrown already.
    private func reset() {
        sqlite3_reset(pointer)
        sqlite3_clear_bindings(pointer)
    }

    private func failure(_ code: CInt) -> DatabaseError {
        DatabaseError(
            resultCode: ResultCode(rawValue: code), message: sqlite3_errmsg(connection).map { String(cString: $0) })
    }
}

/// A value that a placeholder takes. SQLite copies it, so it need not outlive the call.
protocol Bindable {
    /// - Returns: SQLite's result code.
    func bind(to statement: OpaquePointer, at index: CInt) -> CInt
}

extension Cell: Bindable {
    func bind(to statement: OpaquePointer, at index: CInt) -> CInt {
        switch self {
        case .text(let value?): bindText(value, to: statement, at: index)
        case .integer(let value?): sqlite3_bind_int64(statement, index, value)
        case .bytes(let value?): bindBytes(value, to: statement, at: index)
        // RFC 3339 in UTC with six decimals sorts as text.
        case .time(let value?): bindText(value.description, to: statement, at: index)
        case .text(nil), .integer(nil), .bytes(nil), .time(nil): sqlite3_bind_null(statement, index)
        }
    }
}

extension SQLValue: Bindable {
    func bind(to statement: OpaquePointer, at index: CInt) -> CInt {
        switch self {
        case .null: sqlite3_bind_null(statement, index)
        case .integer(let value): sqlite3_bind_int64(statement, index, value)
        case .double(let value): sqlite3_bind_double(statement, index, value)
        case .text(let value): bindText(value, to: statement, at: index)
        case .blob(let value): bindBytes(value, to: statement, at: index)
        }
    }
}

/// Has SQLite copy (`SQLITE_TRANSIENT`, a macro that Swift does not import).
private let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

/// With its length, for U+0000 is a character like any other. A C string is never without an address, which SQLite would
/// take for NULL.
private func bindText(_ text: String, to statement: OpaquePointer, at index: CInt) -> CInt {
    text.withCString {
        sqlite3_bind_text64(statement, index, $0, UInt64(text.utf8.count), transient, UInt8(SQLITE_UTF8))
    }
}

private func bindBytes(_ bytes: [UInt8], to statement: OpaquePointer, at index: CInt) -> CInt {
    guard !bytes.isEmpty else { return sqlite3_bind_zeroblob(statement, index, 0) }
    return bytes.withUnsafeBytes {
        sqlite3_bind_blob64(statement, index, $0.baseAddress, UInt64($0.count), transient)
    }
}

/// The row that a statement stands on.
struct StatementRow: RowReader {
    private let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    /// A column of a user's query.
    subscript(column: Int) -> SQLValue {
        let index = CInt(column)
        return switch sqlite3_column_type(pointer, index) {
        case SQLITE_INTEGER: .integer(sqlite3_column_int64(pointer, index))
        case SQLITE_FLOAT: .double(sqlite3_column_double(pointer, index))
        case SQLITE_TEXT: .text(textValue(index))
        case SQLITE_BLOB: .blob(blobValue(index))
        default: .null
        }
    }

    func isNull(_ column: Int) -> Bool { sqlite3_column_type(pointer, CInt(column)) == SQLITE_NULL }

    func integer(_ column: Int) throws(StoreError) -> Int64 {
        try require(SQLITE_INTEGER, column)
        return sqlite3_column_int64(pointer, CInt(column))
    }

    func text(_ column: Int) throws(StoreError) -> String {
        try require(SQLITE_TEXT, column)
        return textValue(CInt(column))
    }

    func bytes(_ column: Int) throws(StoreError) -> [UInt8] {
        try require(SQLITE_BLOB, column)
        return blobValue(CInt(column))
    }

    func time(_ column: Int) throws(StoreError) -> Timestamp {
        guard let time = Timestamp(rfc3339: try text(column)) else { throw unreadable(column) }
        return time
    }

    func name(_ column: Int) -> String {
        sqlite3_column_name(pointer, CInt(column)).map { String(cString: $0) } ?? ""
    }

    /// Reads with the length, for U+0000 is a character like any other; what is not UTF-8 is repaired.
    private func textValue(_ index: CInt) -> String {
        guard let start = sqlite3_column_text(pointer, index) else { return "" }
        let count = Int(sqlite3_column_bytes(pointer, index))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    private func blobValue(_ index: CInt) -> [UInt8] {
        guard let start = sqlite3_column_blob(pointer, index) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(pointer, index))))
    }

    private func require(_ type: CInt, _ column: Int) throws(StoreError) {
        guard sqlite3_column_type(pointer, CInt(column)) == type else { throw unreadable(column) }
    }
}
