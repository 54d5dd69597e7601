import Tertib

/// What happens in the shop, drawn from a seed: products, price changes, orders and suppliers' offers. The same seed
/// and size give the same plan; which orders find enough stock depends on who comes first, as in any shop.
public struct Workload: Hashable, Sendable {
    /// Where everything is drawn from.
    public let seed: UInt64
    /// At least so many events will the three services publish between them.
    public let events: Int

    /// Creates a plan.
    public init(seed: UInt64, events: Int) {
        precondition(events >= 0, "a workload has no negative size")
        self.seed = seed
        self.events = events
    }

    /// How many products are listed, one event each.
    public var productCount: Int { max(8, min(60, events / 80)) }
    /// How often a price changes, one event each.
    public var priceChangeCount: Int { events * 7 / 10 }
    /// How many orders are placed: 3 events each when there is not enough stock, 7 or 8 otherwise.
    public var orderCount: Int { (events + 9) / 10 }
    /// How many products have a supplier.
    public var offerCount: Int { max(4, productCount / 2) }
    /// How often a supplier changes an offer.
    public var offerChangeCount: Int { max(offerCount * 4, events / 8) }

    /// The id of a product, by its number from 0.
    public static func productID(_ number: Int) -> String { "p-\(padded(number, to: 3))" }

    /// A product, by its number from 0.
    public func product(_ number: Int) -> Product {
        var random = SeededGenerator(seed: seed, topic: "product", item: number)
        let adjective = ["small", "large", "blue", "red", "quiet", "quick", "plain", "round"][number % 8]
        let noun = ["lamp", "chair", "kettle", "clock", "basket", "radio"].randomElement(using: &random) ?? "box"
        return Product(
            id: Self.productID(number), name: "\(adjective) \(noun) \(number)",
            price: .random(in: 500...20_000, using: &random),
            stock: .random(in: 20...80, using: &random))
    }

    /// A price change, by its number from 0. A few products change often: bursts on one aggregate.
    public func priceChange(_ number: Int) -> PriceChange {
        var random = SeededGenerator(seed: seed, topic: "price", item: number)
        return PriceChange(product: popularProduct(&random), price: .random(in: 500...20_000, using: &random))
    }

    /// An order, by its number from 0.
    public func order(_ number: Int) -> NewOrder {
        var random = SeededGenerator(seed: seed, topic: "order", item: number)
        return NewOrder(
            id: "o-\(Self.padded(number, to: 6))", customer: .random(in: 1...200, using: &random),
            product: popularProduct(&random), quantity: .random(in: 1...3, using: &random))
    }

    /// Low numbers are drawn more often than high ones.
    private func popularProduct(_ random: inout SeededGenerator) -> String {
        let fraction = random.fraction()
        return Self.productID(min(productCount - 1, Int(fraction * fraction * Double(productCount))))
    }

    private static func padded(_ number: Int, to width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Workload {
    /// A product to list.
    public struct Product: Hashable, Sendable {
        /// Its id.
        public let id: String
        /// What it is called.
        public let name: String
        /// What one costs, in cents.
        public let price: Int
        /// How many there are.
        public let stock: Int
    }

    /// A price to change.
    public struct PriceChange: Hashable, Sendable {
        /// The product's id.
        public let product: String
        /// What one costs now, in cents.
        public let price: Int
    }

    /// An order to place.
    public struct NewOrder: Hashable, Sendable {
        /// Its id.
        public let id: String
        /// The customer's number.
        public let customer: Int
        /// The product's id.
        public let product: String
        /// How many of it.
        public let quantity: Int

        /// Creates an order.
        public init(id: String, customer: Int, product: String, quantity: Int) {
            self.id = id
            self.customer = customer
            self.product = product
            self.quantity = quantity
        }
    }
}
