import GRDB
import GRDBSQLite

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

    /// How many placeholders it has.
    var parameterCount: Int { Int(sqlite3_bind_parameter_count(pointer)) }

    /// Whether it writes nothing.
    var isReadOnly: Bool { sqlite3_stmt_readonly(pointer) != 0 }

    /// The names of its result's columns.
    var columnNames: [String] {
        (0..<sqlite3_column_count(pointer)).map { column in
            sqlite3_column_name(pointer, column).map { String(cString: $0) } ?? ""
        }
    }

    /// Runs it to its end.
    /// - Returns: how many rows it changed.
    @discardableResult
    func execute(_ arguments: [any Bindable]) throws(DatabaseError) -> Int {
        defer { reset() }
        try bind(arguments)
        while try step() {}
        return changesRows ? Int(sqlite3_changes64(connection)) : 0
    }

    /// Runs it, and gives each row of its result to `body` until that returns `false`. A row is valid only inside.
    func forEachRow(_ arguments: [any Bindable], _ body: (StatementRow) throws -> Bool) throws {
        defer { reset() }
        try bind(arguments)
        while try step() {
            guard try body(StatementRow(pointer)) else { return }
        }
    }

    private func bind(_ arguments: [any Bindable]) throws(DatabaseError) {
        guard arguments.count == parameterCount else {
            throw DatabaseError(
                resultCode: .SQLITE_RANGE,
                message: "the statement has \(parameterCount) placeholders, and was given \(arguments.count) values")
        }
        var index: CInt = 1
        for argument in arguments {
            let code = argument.bind(to: pointer, at: index)
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
