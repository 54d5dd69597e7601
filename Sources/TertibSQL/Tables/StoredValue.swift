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

/// A value on its way to a placeholder; `nil` is NULL.
package enum Cell: Hashable, Sendable {
    /// For a column of the kind ``ColumnKind/text`` or ``ColumnKind/prose``.
    case text(String?)
    /// For a column of the kind ``ColumnKind/integer``.
    case integer(Int64?)
    /// For a column of the kind ``ColumnKind/bytes``.
    case bytes([UInt8]?)
    /// For a column of the kind ``ColumnKind/time``.
    case time(Timestamp?)

    /// What its column holds.
    package var kind: ColumnKind {
        switch self {
        case .text: .text
        case .integer: .integer
        case .bytes: .bytes
        case .time: .time
        }
    }
}

/// One row of a result, as a database hands it out: the columns of the store's own tables, by position.
///
/// A value that cannot be read back is ``StoreError/Code/corrupt``, never a trap.
package protocol RowReader {
    /// Whether the column is NULL.
    func isNull(_ column: Int) -> Bool
    /// A column of the kind ``ColumnKind/integer``.
    func integer(_ column: Int) throws(StoreError) -> Int64
    /// A column of the kind ``ColumnKind/text`` or ``ColumnKind/prose``.
    func text(_ column: Int) throws(StoreError) -> String
    /// A column of the kind ``ColumnKind/bytes``.
    func bytes(_ column: Int) throws(StoreError) -> [UInt8]
    /// A column of the kind ``ColumnKind/time``.
    func time(_ column: Int) throws(StoreError) -> Timestamp
    /// The column's name, for messages.
    func name(_ column: Int) -> String
}

extension RowReader {
    /// The error for a column whose value the store never writes.
    package func unreadable(_ column: Int) -> StoreError {
        StoreError(
            .corrupt, attempted: "read the column \(name(column))",
            reason: "it holds a value that the store never writes",
            advice: "Another program has changed the table.")
    }

    /// The value in the columns from `column` on.
    package func value<Value: StoredValue>(_ column: Int, _ type: Value.Type = Value.self) throws(StoreError) -> Value {
        var cursor = RowCursor(self, from: column)
        return try Value(&cursor)
    }
}

/// Reads a row from the left to the right.
package struct RowCursor {
    package let row: any RowReader
    package private(set) var column: Int

    package init(_ row: any RowReader, from column: Int = 0) {
        self.row = row
        self.column = column
    }

    /// The value of the next column or columns.
    package mutating func next<Value: StoredValue>(_ type: Value.Type = Value.self) throws(StoreError) -> Value {
        try Value(&self)
    }

    /// The position of the next column, which the caller reads.
    mutating func advance() -> Int {
        defer { column += 1 }
        return column
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
    /// Writes it, as many cells as it has columns.
    func append(to cells: inout [Cell])
    /// Writes NULL in its place.
    static func appendNull(to cells: inout [Cell])
}

extension StoredValue {
    package static var isNullable: Bool { false }

    package static func appendNull(to cells: inout [Cell]) {
        cells += kinds.map { kind in
            switch kind {
            case .integer: .integer(nil)
            case .text, .prose: .text(nil)
            case .bytes: .bytes(nil)
            case .time: .time(nil)
            }
        }
    }
}

/// The cells of several values, in their order.
package func cells<each Value: StoredValue>(_ values: repeat each Value) -> [Cell] {
    var cells: [Cell] = []
    repeat (each values).append(to: &cells)
    return cells
}

extension Int64: StoredValue {
    package static var kinds: [ColumnKind] { [.integer] }
    package init(_ cursor: inout RowCursor) throws(StoreError) { self = try cursor.row.integer(cursor.advance()) }
    package func append(to cells: inout [Cell]) { cells.append(.integer(self)) }
}

extension Int: StoredValue {
    package static var kinds: [ColumnKind] { [.integer] }
    package init(_ cursor: inout RowCursor) throws(StoreError) { self = Int(try cursor.next(Int64.self)) }
    package func append(to cells: inout [Cell]) { cells.append(.integer(Int64(self))) }
}

extension String: StoredValue {
    package static var kinds: [ColumnKind] { [.text] }
    package init(_ cursor: inout RowCursor) throws(StoreError) { self = try cursor.row.text(cursor.advance()) }
    package func append(to cells: inout [Cell]) { cells.append(.text(self)) }
}

extension [UInt8]: StoredValue {
    package static var kinds: [ColumnKind] { [.bytes] }
    package init(_ cursor: inout RowCursor) throws(StoreError) { self = try cursor.row.bytes(cursor.advance()) }
    package func append(to cells: inout [Cell]) { cells.append(.bytes(self)) }
}

extension Timestamp: StoredValue {
    package static var kinds: [ColumnKind] { [.time] }
    package init(_ cursor: inout RowCursor) throws(StoreError) { self = try cursor.row.time(cursor.advance()) }
    package func append(to cells: inout [Cell]) { cells.append(.time(self)) }
}

extension AggregateVersion: StoredValue {
    package static var kinds: [ColumnKind] { [.integer] }
    package init(_ cursor: inout RowCursor) throws(StoreError) {
        let column = cursor.column
        guard let version = AggregateVersion(try cursor.next(Int64.self)) else { throw cursor.row.unreadable(column) }
        self = version
    }
    package func append(to cells: inout [Cell]) { cells.append(.integer(number)) }
}

/// An unsigned number in a signed column.
extension StreamSequence: StoredValue {
    package static var kinds: [ColumnKind] { [.integer] }
    package init(_ cursor: inout RowCursor) throws(StoreError) {
        self.init(UInt64(bitPattern: try cursor.next(Int64.self)))
    }
    package func append(to cells: inout [Cell]) { cells.append(.integer(Int64(bitPattern: number))) }
}

extension StoredValue where Self: BytewiseText {
    package static var kinds: [ColumnKind] { [.text] }
    package init(_ cursor: inout RowCursor) throws(StoreError) {
        let column = cursor.column
        let text = try cursor.next(String.self)
        do {
            try self.init(text)
        } catch {
            throw cursor.row.unreadable(column)
        }
    }
    package func append(to cells: inout [Cell]) { cells.append(.text(text)) }
}

extension AggregateType: StoredValue {}
extension AggregateID: StoredValue {}
extension ConsumerName: StoredValue {}
extension EventID: StoredValue {}
extension StreamName: StoredValue {}

/// Two columns, type and id.
extension Aggregate: StoredValue {
    package static var kinds: [ColumnKind] { [.text, .text] }
    package init(_ cursor: inout RowCursor) throws(StoreError) {
        self.init(type: try cursor.next(), id: try cursor.next())
    }
    package func append(to cells: inout [Cell]) {
        cells.append(.text(type.text))
        cells.append(.text(id.text))
    }
}

extension StoredValue where Self: RawRepresentable<String> {
    package static var kinds: [ColumnKind] { [.text] }
    package init(_ cursor: inout RowCursor) throws(StoreError) {
        let column = cursor.column
        guard let word = Self(rawValue: try cursor.next()) else { throw cursor.row.unreadable(column) }
        self = word
    }
    package func append(to cells: inout [Cell]) { cells.append(.text(rawValue)) }
}

extension AggregateStatus: StoredValue {}
extension ParkReason: StoredValue {}
extension DeadLetterReason: StoredValue {}

/// NULL where there is none.
extension Optional: StoredValue where Wrapped: StoredValue {
    package static var kinds: [ColumnKind] { Wrapped.kinds }
    package static var isNullable: Bool { true }
    package init(_ cursor: inout RowCursor) throws(StoreError) {
        guard cursor.row.isNull(cursor.column) else {
            self = try cursor.next(Wrapped.self)
            return
        }
        for _ in Wrapped.kinds { _ = cursor.advance() }
        self = nil
    }
    package func append(to cells: inout [Cell]) {
        if let self { self.append(to: &cells) } else { Wrapped.appendNull(to: &cells) }
    }
}
