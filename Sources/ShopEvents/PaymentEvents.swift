public import Tertib

/// The money for an order is there; the first and last event of a `payment`, whose id is the order's.
public struct PaymentCaptured: DomainEvent {
    /// `payment.captured`
    public static let eventType = "payment.captured"
    /// How much, in cents.
    public var amount: Int

    /// Creates the payload.
    public init(amount: Int) {
        self.amount = amount
    }
}

/// The bank has said no; the first and last event of a `payment`.
public struct PaymentDeclined: DomainEvent {
    /// `payment.declined`
    public static let eventType = "payment.declined"
    /// How much was asked for, in cents.
    public var amount: Int

    /// Creates the payload.
    public init(amount: Int) {
        self.amount = amount
    }
}
