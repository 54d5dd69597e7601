import ShopEvents
import Tertib

/// What the catalog does about other services' events.
enum CatalogHandlers {
    /// Orders take stock, and cancelled ones give it back.
    @Sendable
    static func orders(_ handlers: inout Handlers) {
        handlers.on(OrderPlaced.self) { event, transaction in
            try Catalog(transaction: transaction).reserve(
                event.payload.quantity, of: event.payload.product, for: event.aggregate.id.text)
        }
        handlers.on(OrderCancelled.self) { event, transaction in
            try Catalog(transaction: transaction).release(event.aggregate.id.text)
        }
    }

    /// Keeps a copy of what suppliers ask.
    @Sendable
    static func offers(_ handlers: inout Handlers) {
        handlers.on(OfferChanged.self) { event, transaction in
            try transaction.enqueue(
                """
                INSERT INTO offer_copy (product_id, cost, version) VALUES (?, ?, ?)
                ON CONFLICT (product_id) DO UPDATE SET cost = excluded.cost, version = excluded.version
                """, event.aggregate.id, event.payload.cost, event.version)
        }
    }
}
