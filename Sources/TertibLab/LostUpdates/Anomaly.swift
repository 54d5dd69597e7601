import TertibRuntime

/// How concurrent transactions lose each other's updates, in the two classic shapes.
public enum Anomaly: String, Hashable, Sendable, CaseIterable {
    /// Two transactions read `order_status`, each finds that it may change it, and both write: an order that is paid and
    /// cancelled.
    case stateful
    /// Many transactions take one piece, each after a look whether there is one left: the stock that was written last
    /// forgets the pieces that others took, and more is sold than there was.
    case stateless
}

/// What a transaction of the lab does with the row that it has read.
enum RowChange: Hashable, Sendable {
    /// From `NEW` to this status, and from no other.
    case status(String)
    /// One piece less, and never less than none.
    case take

    /// The rule of the business says no: there is nothing to write.
    struct Refused: Error {}

    /// The column that is read and written.
    var column: String {
        switch self {
        case .status: "order_status"
        case .take: "stock"
        }
    }

    /// What is to be written, by what was read.
    /// - Throws: ``Refused``.
    func next(after value: SQLValue) throws -> SQLValue {
        switch self {
        case .status(let status):
            guard value.text == LostUpdatesTables.newStatus else { throw Refused() }
            return .text(status)
        case .take:
            guard let stock = value.integer, stock > 0 else { throw Refused() }
            return .integer(stock - 1)
        }
    }
}
