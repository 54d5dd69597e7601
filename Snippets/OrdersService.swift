import Logging
import ServiceLifecycle
import Tertib

/// What others tell us.
struct ProductPriced: DomainEvent {
    static let eventType = "product.priced"
    var price: Int
}

struct CartCheckedOut: DomainEvent {
    static let eventType = "cart.checked-out"
    var product: String
    var quantity: Int
}

/// What we tell others.
struct OrderPlaced: DomainEvent {
    static let eventType = "order.placed"
    var product: String
    var total: Int
}

/// No price is known yet: products and carts have no order between them. Tried again, while this cart alone waits.
struct UnknownProduct: Error {}

@main
struct OrdersService {
    static func main() async throws {
        let tertib = try await EventBus.open(configuration: "orders.json")
        try await tertib.transaction { transaction in
            try transaction.execute(
                "CREATE TABLE IF NOT EXISTS product_copy (id TEXT PRIMARY KEY, price BIGINT NOT NULL)")
            try transaction.execute(
                "CREATE TABLE IF NOT EXISTS placed_order (id TEXT PRIMARY KEY, total BIGINT NOT NULL)")
        }

        // Handlers are synchronous: all they write commits together with the watermark, or not at all.
        let consumer = try tertib.consumer("orders") { handlers in
            handlers.on(ProductPriced.self) { event, transaction in
                try transaction.enqueue(
                    "INSERT INTO product_copy VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET price = excluded.price",
                    event.aggregate.id, event.payload.price)
            }
            handlers.on(CartCheckedOut.self) { event, transaction in
                let cart = event.payload
                let known = try transaction.query("SELECT price FROM product_copy WHERE id = ?", cart.product)
                guard let price = known.first?["price"].integer else { throw UnknownProduct() }
                let order = Aggregate(type: try AggregateType("order"), id: event.aggregate.id)
                let placed = OrderPlaced(product: cart.product, total: cart.quantity * Int(price))
                try transaction.enqueue("INSERT INTO placed_order VALUES (?, ?)", order.id, placed.total)
                try transaction.stage(placed, for: order)  // published if, and only if, this commits
            }
        }

        let group = ServiceGroup(
            services: [tertib, consumer], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "orders"))
        try await group.run()
    }
}
