import GRDB
import Logging
import ServiceLifecycle
import Tertib

/// Events of other services.
struct ProductPriced: DomainEvent {
    static let eventType = "product.priced"
    var price: Int
}

struct CartCheckedOut: DomainEvent {
    static let eventType = "cart.checked-out"
    var product: String
    var quantity: Int
}

/// An event of this service.
struct OrderPlaced: DomainEvent {
    static let eventType = "order.placed"
    var product: String
    var total: Int
}

/// This service's copy of a product, a record of GRDB's.
struct Product: Codable, FetchableRecord, PersistableRecord {
    static let databaseTableName = "product_copy"
    var id: String
    var price: Int
}

/// No price is known yet: products and carts have no order between them. Tried again, while this cart alone waits.
struct UnknownProduct: Error {}

@main
struct OrdersService {
    static func main() async throws {
        let bus = try await EventBus.open(configuration: "orders.json")
        try await bus.transaction { transaction in
            try transaction.execute(
                "CREATE TABLE IF NOT EXISTS product_copy (id TEXT PRIMARY KEY, price BIGINT NOT NULL)")
            try transaction.execute(
                "CREATE TABLE IF NOT EXISTS placed_order (id TEXT PRIMARY KEY, total BIGINT NOT NULL)")
        }

        // Handlers are synchronous: all they write commits together with the watermark, or not at all.
        let consumer = try bus.consumer("orders") { handlers in
            handlers.on(ProductPriced.self) { event, transaction in
                let product = Product(id: event.aggregate.id.text, price: event.payload.price)
                try transaction.withDatabase { db in try product.save(db) }
            }
            handlers.on(CartCheckedOut.self) { event, transaction in
                let cart = event.payload
                let product = try transaction.withDatabase { db in try Product.fetchOne(db, key: cart.product) }
                guard let product else { throw UnknownProduct() }
                let order = Aggregate(type: try AggregateType("order"), id: event.aggregate.id)
                let placed = OrderPlaced(product: cart.product, total: cart.quantity * product.price)
                try transaction.execute("INSERT INTO placed_order VALUES (?, ?)", order.id, placed.total)
                try transaction.stage(placed, for: order)  // published if, and only if, this commits
            }
        }

        let group = ServiceGroup(
            services: [bus, consumer], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "orders"))
        try await group.run()
    }
}
