import GRDBSQLite
import TertibRuntime
import TertibCore

/// The row that a statement stands on.
///
/// Reads the columns of the store's own tables: what cannot be read back is ``StoreError/Code/corrupt``, never a trap.
struct StatementRow {
    private let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    /// Whatever a column holds.
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

    func optionalText(_ column: Int) throws(StoreError) -> String? { isNull(column) ? nil : try text(column) }

    func bytes(_ column: Int) throws(StoreError) -> [UInt8] {
        try require(SQLITE_BLOB, column)
        return blobValue(CInt(column))
    }

    func identity<Identity: BytewiseText>(
        _ column: Int, _ type: Identity.Type = Identity.self
    ) throws(StoreError) -> Identity {
        let text = try text(column)
        do {
            return try Identity(text)
        } catch {
            throw unreadable(column)
        }
    }

    func optionalIdentity<Identity: BytewiseText>(
        _ column: Int, _ type: Identity.Type = Identity.self
    ) throws(StoreError) -> Identity? {
        isNull(column) ? nil : try identity(column, type)
    }

    /// Two columns, type and id.
    func aggregate(_ column: Int) throws(StoreError) -> Aggregate {
        Aggregate(type: try identity(column), id: try identity(column + 1))
    }

    func version(_ column: Int) throws(StoreError) -> AggregateVersion {
        guard let version = AggregateVersion(try integer(column)) else { throw unreadable(column) }
        return version
    }

    func optionalVersion(_ column: Int) throws(StoreError) -> AggregateVersion? {
        isNull(column) ? nil : try version(column)
    }

    func sequence(_ column: Int) throws(StoreError) -> StreamSequence {
        StreamSequence(UInt64(bitPattern: try integer(column)))
    }

    func time(_ column: Int) throws(StoreError) -> Timestamp {
        guard let time = Timestamp(rfc3339: try text(column)) else { throw unreadable(column) }
        return time
    }

    func optionalTime(_ column: Int) throws(StoreError) -> Timestamp? { isNull(column) ? nil : try time(column) }

    func word<Word: RawRepresentable<String>>(_ column: Int, _ type: Word.Type = Word.self) throws(StoreError) -> Word {
        guard let word = Word(rawValue: try text(column)) else { throw unreadable(column) }
        return word
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

    private func unreadable(_ column: Int) -> StoreError {
        let name = sqlite3_column_name(pointer, CInt(column)).map { String(cString: $0) } ?? "\(column)"
        return StoreError(
            .corrupt, attempted: "read the column \(name)", reason: "it holds what the store never writes",
            advice: "Somebody else has changed the table.")
    }
}

extension StreamSequence {
    /// The number in a signed column.
    var column: Int64 { Int64(bitPattern: number) }
}
