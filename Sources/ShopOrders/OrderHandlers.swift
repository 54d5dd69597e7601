import ShopEvents
import Tertib

/// What the orders service does about other services' events.
enum OrderHandlers {
    /// Keeps a copy of the catalog's products. Nothing here looks at versions: each event comes once and in order.
    @Sendable
    static func products(_ handlers: inout Handlers) {
        handlers.on(ProductListed.self) { event, transaction in
            try transaction.enqueue(
                "INSERT INTO product_copy (id, name, price, stock, version) VALUES (?, ?, ?, ?, ?)",
                event.aggregate.id, event.payload.name, event.payload.price, event.payload.stock, event.version)
        }
        handlers.on(ProductPriced.self) { event, transaction in
            try transaction.enqueue(
                "UPDATE product_copy SET price = ?, version = ? WHERE id = ?", event.payload.price, event.version,
                event.aggregate.id)
        }
        handlers.on(ProductStockChanged.self) { event, transaction in
            try transaction.enqueue(
                "UPDATE product_copy SET stock = ?, version = ? WHERE id = ?", event.payload.stock, event.version,
                event.aggregate.id)
        }
    }

    /// Carries orders on when goods are set aside and when money has come, or has not.
    @Sendable
    static func fulfilment(_ handlers: inout Handlers) {
        on(ReservationConfirmed.self, .confirm, &handlers)
        on(ReservationRejected.self, .reject, &handlers)
        on(PaymentCaptured.self, .pay, &handlers)
        on(PaymentDeclined.self, .cancel, &handlers)
    }

    /// Reservations and payments have the ids of their orders.
    private static func on<Payload: DomainEvent>(
        _ type: Payload.Type, _ change: OrderChange, _ handlers: inout Handlers
    ) {
        handlers.on(type) { event, transaction in
            try Orders(transaction: transaction).apply(change, to: event.aggregate.id.text)
        }
    }
}
