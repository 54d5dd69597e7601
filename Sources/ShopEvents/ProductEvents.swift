public import Tertib

/// The catalog sells a new product; the first event of a `product`.
public struct ProductListed: DomainEvent {
    /// `product.listed`
    public static let eventType = "product.listed"
    /// What it is called.
    public var name: String
    /// What one costs, in cents.
    public var price: Int
    /// How many there are.
    public var stock: Int

    /// Creates the payload.
    public init(name: String, price: Int, stock: Int) {
        self.name = name
        self.price = price
        self.stock = stock
    }
}

/// The catalog has given a `product` another price.
public struct ProductPriced: DomainEvent {
    /// `product.priced`
    public static let eventType = "product.priced"
    /// What one costs now, in cents.
    public var price: Int

    /// Creates the payload.
    public init(price: Int) {
        self.price = price
    }
}

/// An order has taken some of a `product`, or has given it back.
public struct ProductStockChanged: DomainEvent {
    /// `product.stock-changed`
    public static let eventType = "product.stock-changed"
    /// How many there are now.
    public var stock: Int
    /// How many were taken (below 0) or given back.
    public var change: Int
    /// The order.
    public var order: String

    /// Creates the payload.
    public init(stock: Int, change: Int, order: String) {
        self.stock = stock
        self.change = change
        self.order = order
    }
}
