public import Tertib

/// The aggregates of the shop, by their ids.
extension Aggregate {
    /// A product; the catalog owns it.
    public static func product(_ id: String) throws(IdentityError) -> Aggregate {
        Aggregate(type: try AggregateType("product"), id: try AggregateID(id))
    }

    /// What is set aside for an order; the catalog owns it.
    public static func reservation(_ order: String) throws(IdentityError) -> Aggregate {
        Aggregate(type: try AggregateType("reservation"), id: try AggregateID(order))
    }

    /// An order; the service `orders` owns it.
    public static func order(_ id: String) throws(IdentityError) -> Aggregate {
        Aggregate(type: try AggregateType("order"), id: try AggregateID(id))
    }

    /// The payment for an order; the service `payments` owns it.
    public static func payment(_ order: String) throws(IdentityError) -> Aggregate {
        Aggregate(type: try AggregateType("payment"), id: try AggregateID(order))
    }

    /// A supplier's offer for a product; a foreign system owns it.
    public static func offer(_ product: String) throws(IdentityError) -> Aggregate {
        Aggregate(type: try AggregateType("offer"), id: try AggregateID(product))
    }
}
