public import TertibCore

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
