public import TertibCore

/// A value that a statement takes or a column holds.
public enum SQLValue: Hashable, Sendable {
    /// SQL NULL.
    case null
    /// A 64-bit integer.
    case integer(Int64)
    /// A floating-point number.
    case double(Double)
    /// Text.
    case text(String)
    /// Bytes.
    case blob([UInt8])
}

/// A value of Swift that a statement takes.
public protocol SQLConvertible {
    /// The value as SQL knows it.
    var sqlValue: SQLValue { get }
}

extension SQLValue: SQLConvertible {
    /// The value itself.
    public var sqlValue: SQLValue { self }

    /// The integer, if it is one.
    public var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    /// The text, if it is one.
    public var text: String? { if case .text(let value) = self { value } else { nil } }
    /// The bytes, if it holds bytes.
    public var blob: [UInt8]? { if case .blob(let value) = self { value } else { nil } }
    /// The number, if it is one.
    public var double: Double? {
        switch self {
        case .double(let value): value
        case .integer(let value): Double(value)
        case .null, .text, .blob: nil
        }
    }
}

extension Int: SQLConvertible {
    /// An integer.
    public var sqlValue: SQLValue { .integer(Int64(self)) }
}
extension Int64: SQLConvertible {
    /// An integer.
    public var sqlValue: SQLValue { .integer(self) }
}
extension Bool: SQLConvertible {
    /// 1 or 0.
    public var sqlValue: SQLValue { .integer(self ? 1 : 0) }
}
extension Double: SQLConvertible {
    /// A floating-point number.
    public var sqlValue: SQLValue { .double(self) }
}
extension String: SQLConvertible {
    /// Text.
    public var sqlValue: SQLValue { .text(self) }
}
extension Optional: SQLConvertible where Wrapped: SQLConvertible {
    /// The wrapped value, or NULL.
    public var sqlValue: SQLValue { self?.sqlValue ?? .null }
}
extension AggregateID: SQLConvertible {
    /// The raw id, as text.
    public var sqlValue: SQLValue { .text(text) }
}
extension AggregateType: SQLConvertible {
    /// The name, as text.
    public var sqlValue: SQLValue { .text(text) }
}
extension EventID: SQLConvertible {
    /// The id, as text.
    public var sqlValue: SQLValue { .text(text) }
}
extension AggregateVersion: SQLConvertible {
    /// The number, as an integer.
    public var sqlValue: SQLValue { .integer(number) }
}

/// One row of a query's result.
public struct SQLRow: Hashable, Sendable {
    /// The names of the columns, in the order of the query.
    public let columns: [String]
    private let values: [SQLValue]

    /// Creates a row; `columns` and `values` are in the same order.
    public init(columns: [String], values: [SQLValue]) {
        self.columns = columns
        self.values = values
    }

    /// The value of a column; NULL where the row has no column of that name.
    public subscript(column: String) -> SQLValue {
        columns.firstIndex(of: column).map { values[$0] } ?? .null
    }
}
