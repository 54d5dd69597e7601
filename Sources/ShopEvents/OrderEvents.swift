public import Tertib

/// A customer wants to buy; the first event of an `order`.
public struct OrderPlaced: DomainEvent {
    /// `order.placed`
    public static let eventType = "order.placed"
    /// The customer's number.
    public var customer: Int
    /// The product's id.
    public var product: String
    /// How many of it.
    public var quantity: Int
    /// What all of them cost, in cents, at the price that the customer has seen.
    public var total: Int

    /// Creates the payload.
    public init(customer: Int, product: String, quantity: Int, total: Int) {
        self.customer = customer
        self.product = product
        self.quantity = quantity
        self.total = total
    }
}

/// The goods of an `order` are set aside, and it can be paid.
public struct OrderConfirmed: DomainEvent {
    /// `order.confirmed`
    public static let eventType = "order.confirmed"

    /// Creates the payload.
    public init() {}
}

/// There are not enough goods for an `order`.
public struct OrderRejected: DomainEvent {
    /// `order.rejected`
    public static let eventType = "order.rejected"

    /// Creates the payload.
    public init() {}
}

/// An `order` is paid.
public struct OrderPaid: DomainEvent {
    /// `order.paid`
    public static let eventType = "order.paid"

    /// Creates the payload.
    public init() {}
}

/// An `order` has left the warehouse.
public struct OrderShipped: DomainEvent {
    /// `order.shipped`
    public static let eventType = "order.shipped"

    /// Creates the payload.
    public init() {}
}

/// An `order` could not be paid: its goods can be sold again.
public struct OrderCancelled: DomainEvent {
    /// `order.cancelled`
    public static let eventType = "order.cancelled"

    /// Creates the payload.
    public init() {}
}
