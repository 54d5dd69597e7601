package import TertibCore
package import TertibRuntime

/// What a column holds.
package enum ColumnKind: Sendable {
    /// A signed 64-bit number.
    case integer
    /// Ids and words, which compare by their bytes.
    case text
    /// Free text: error messages, names of operators, JSON.
    case prose
    /// Bytes.
    case bytes
    /// A time in UTC, to the microsecond.
    case time
}

/// A value on its way to a placeholder, for a column of the kind of that name; `nil` is NULL.
package enum Cell: Hashable, Sendable {
    case text(String?), integer(Int64?), bytes([UInt8]?), time(Timestamp?)

    /// NULL.
    init(null kind: ColumnKind) {
        self =
            switch kind {
            case .integer: .integer(nil)
            case .text, .prose: .text(nil)
            case .bytes: .bytes(nil)
            case .time: .time(nil)
            }
    }
}

/// One row of a result, as a database hands it out: the columns of the store's own tables, by position.
///
/// A value that cannot be read back is ``StoreError/Code/corrupt``, never a trap.
package protocol RowReader {
    func isNull(_ column: Int) -> Bool
    func integer(_ column: Int) throws(StoreError) -> Int64
    /// A column of the kind ``ColumnKind/text`` or ``ColumnKind/prose``.
    func text(_ column: Int) throws(StoreError) -> String
    func bytes(_ column: Int) throws(StoreError) -> [UInt8]
    func time(_ column: Int) throws(StoreError) -> Timestamp
    /// The column's name, for messages.
    func name(_ column: Int) -> String
}

extension RowReader {
    /// The error for a column whose value the store never writes.
    package func unreadable(_ column: Int) -> StoreError {
        StoreError(
            .corrupt, attempted: "read the column \(name(column))",
            reason: "it holds a value that the store never writes", advice: "Another program has changed the table.")
    }

    /// The value in the columns from `column` on.
    package func value<Value: StoredValue>(_ column: Int, _ type: Value.Type = Value.self) throws(StoreError) -> Value {
        var cursor = RowCursor(self, from: column)
        return try Value(&cursor)
    }
}

/// Reads a row from the left to the right.
package struct RowCursor {
    let row: any RowReader
    fileprivate var column: Int

    package init(_ row: any RowReader, from column: Int = 0) {
        self.row = row
        self.column = column
    }

    /// The value of the next column or columns.
    package mutating func next<Value: StoredValue>(_ type: Value.Type = Value.self) throws(StoreError) -> Value {
        try Value(&self)
    }
}

/// A value that one or several columns hold: how it is written, and how it is read back.
package protocol StoredValue: Sendable {
    /// The kinds of its columns.
    static var kinds: [ColumnKind] { get }
    /// Whether its columns may be NULL.
    static var isNullable: Bool { get }
    /// Reads it.
    init(_ cursor: inout RowCursor) throws(StoreError)
    /// Writes it: one cell for each of its columns.
    func append(to cells: inout [Cell])
}

extension StoredValue {
    package static var isNullable: Bool { false }
}

/// The cells of several values, in their order.
package func cells<each Value: StoredValue>(_ values: repeat each Value) -> [Cell] {
    var cells: [Cell] = []
    repeat (each values).append(to: &cells)
    return cells
}

/// A value of one column.
package protocol ColumnValue: StoredValue {
    static var kind: ColumnKind { get }
    /// Reads it; `nil` for a value that the store never writes.
    static func read(_ row: any RowReader, _ column: Int) throws(StoreError) -> Self?
    var cell: Cell { get }
}

extension ColumnValue {
    package static var kinds: [ColumnKind] { [kind] }
    package init(_ cursor: inout RowCursor) throws(StoreError) {
        guard let value = try Self.read(cursor.row, cursor.column) else { throw cursor.row.unreadable(cursor.column) }
        cursor.column += 1
        self = value
    }
    package func append(to cells: inout [Cell]) { cells.append(cell) }
}

extension Int64: ColumnValue {
    package static var kind: ColumnKind { .integer }
    package static func read(_ row: any RowReader, _ column: Int) throws(StoreError) -> Int64? {
        try row.integer(column)
    }
    package var cell: Cell { .integer(self) }
}

extension Int: ColumnValue {
    package static var kind: ColumnKind { .integer }
    package static func read(_ row: any RowReader, _ column: Int) throws(StoreError) -> Int? {
        Int(exactly: try row.integer(column))
    }
    package var cell: Cell { .integer(Int64(self)) }
}

extension String: ColumnValue {
    package static var kind: ColumnKind { .text }
    package static func read(_ row: any RowReader, _ column: Int) throws(StoreError) -> String? { try row.text(column) }
    package var cell: Cell { .text(self) }
}

extension [UInt8]: StoredValue, ColumnValue {
    package static var kind: ColumnKind { .bytes }
    package static func read(_ row: any RowReader, _ column: Int) throws(StoreError) -> [UInt8]? {
        try row.bytes(column)
    }
    package var cell: Cell { .bytes(self) }
}

extension Timestamp: ColumnValue {
    package static var kind: ColumnKind { .time }
    package static func read(_ row: any RowReader, _ column: Int) throws(StoreError) -> Timestamp? {
        try row.time(column)
    }
    package var cell: Cell { .time(self) }
}

extension AggregateVersion: ColumnValue {
    package static var kind: ColumnKind { .integer }
    package static func read(_ row: any RowReader, _ column: Int) throws(StoreError) -> AggregateVersion? {
        AggregateVersion(try row.integer(column))
    }
    package var cell: Cell { .integer(number) }
}

/// An unsigned number in a signed column.
extension StreamSequence: ColumnValue {
    package static var kind: ColumnKind { .integer }
    package static func read(_ row: any RowReader, _ column: Int) throws(StoreError) -> StreamSequence? {
        StreamSequence(UInt64(bitPattern: try row.integer(column)))
    }
    package var cell: Cell { .integer(Int64(bitPattern: number)) }
}

extension ColumnValue where Self: BytewiseText {
    package static var kind: ColumnKind { .text }
    package static func read(_ row: any RowReader, _ column: Int) throws(StoreError) -> Self? {
        // The reason of what is no id says nothing more than that it is none.
        try? Self(try row.text(column))
    }
    package var cell: Cell { .text(text) }
}

extension AggregateType: ColumnValue {}
extension AggregateID: ColumnValue {}
extension ConsumerName: ColumnValue {}
extension EventID: ColumnValue {}
extension StreamName: ColumnValue {}

extension ColumnValue where Self: RawRepresentable<String> {
    package static var kind: ColumnKind { .text }
    package static func read(_ row: any RowReader, _ column: Int) throws(StoreError) -> Self? {
        Self(rawValue: try row.text(column))
    }
    package var cell: Cell { .text(rawValue) }
}

extension AggregateStatus: ColumnValue {}
extension ParkReason: ColumnValue {}
extension DeadLetterReason: ColumnValue {}

/// Two columns, type and id.
extension Aggregate: StoredValue {
    package static var kinds: [ColumnKind] { [.text, .text] }
    package init(_ cursor: inout RowCursor) throws(StoreError) {
        self.init(type: try cursor.next(), id: try cursor.next())
    }
    package func append(to cells: inout [Cell]) { cells += [type.cell, id.cell] }
}

/// NULL where there is none.
extension Optional: StoredValue where Wrapped: StoredValue {
    package static var kinds: [ColumnKind] { Wrapped.kinds }
    package static var isNullable: Bool { true }
    package init(_ cursor: inout RowCursor) throws(StoreError) {
        if cursor.row.isNull(cursor.column) {
            cursor.column += Wrapped.kinds.count
            self = nil
        } else {
            self = try cursor.next(Wrapped.self)
        }
    }
    package func append(to cells: inout [Cell]) {
        if let self { self.append(to: &cells) } else { cells += Wrapped.kinds.map { Cell(null: $0) } }
    }
}
