public import Tertib

/// A supplier asks another price for a product. Suppliers are no part of the shop: they publish `offer` events with
/// whatever client they have, in whatever order, some of them twice.
public struct OfferChanged: DomainEvent {
    /// `offer.changed`
    public static let eventType = "offer.changed"
    /// What one costs the shop, in cents.
    public var cost: Int

    /// Creates the payload.
    public init(cost: Int) {
        self.cost = cost
    }
}
