/// Where an order stands.
enum OrderStatus: String, Hashable, CaseIterable {
    /// The customer wants to buy.
    case placed
    /// The goods are set aside.
    case confirmed
    /// There are not enough goods.
    case rejected
    /// The money is there.
    case paid
    /// The bank has said no.
    case cancelled
    /// The goods have left the warehouse.
    case shipped

    /// Where a change leads from here; `nil` when it may not happen now.
    func after(_ change: OrderChange) -> OrderStatus? {
        switch (self, change) {
        case (.placed, .confirm): .confirmed
        case (.placed, .reject): .rejected
        case (.confirmed, .pay): .paid
        case (.confirmed, .cancel): .cancelled
        case (.paid, .ship): .shipped
        case (.placed, _), (.confirmed, _), (.paid, _), (.rejected, _), (.cancelled, _), (.shipped, _): nil
        }
    }
}

/// What can happen to an order that is placed.
enum OrderChange: String, Hashable, CaseIterable {
    case confirm
    case reject
    case pay
    case cancel
    case ship
}
