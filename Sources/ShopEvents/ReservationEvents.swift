public import Tertib

/// The catalog has set goods aside for an order; the first event of a `reservation`, whose id is the order's.
public struct ReservationConfirmed: DomainEvent {
    /// `reservation.confirmed`
    public static let eventType = "reservation.confirmed"
    /// The product's id.
    public var product: String
    /// How many are set aside.
    public var quantity: Int

    /// Creates the payload.
    public init(product: String, quantity: Int) {
        self.product = product
        self.quantity = quantity
    }
}

/// The catalog has not enough for an order; the first and last event of a `reservation`.
public struct ReservationRejected: DomainEvent {
    /// `reservation.rejected`
    public static let eventType = "reservation.rejected"
    /// The product's id.
    public var product: String
    /// How many were wanted.
    public var quantity: Int

    /// Creates the payload.
    public init(product: String, quantity: Int) {
        self.product = product
        self.quantity = quantity
    }
}

/// The goods of a cancelled order are for sale again.
public struct ReservationReleased: DomainEvent {
    /// `reservation.released`
    public static let eventType = "reservation.released"
    /// The product's id.
    public var product: String
    /// How many were given back.
    public var quantity: Int

    /// Creates the payload.
    public init(product: String, quantity: Int) {
        self.product = product
        self.quantity = quantity
    }
}
