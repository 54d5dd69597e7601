import ShopEvents
import Tertib

/// What the payments service does about orders: it keeps a copy of them, and takes the money for the confirmed ones.
enum PaymentHandlers {
    @Sendable
    static func orders(_ handlers: inout Handlers) {
        handlers.on(OrderPlaced.self) { event, transaction in
            try transaction.enqueue(
                "INSERT INTO order_copy (id, customer, total, order_status, version) VALUES (?, ?, ?, 'placed', ?)",
                event.aggregate.id, event.payload.customer, event.payload.total, event.version)
        }
        on(OrderConfirmed.self, "confirmed", &handlers) { order, transaction in
            try Payments(transaction: transaction).collect(for: order)
        }
        on(OrderRejected.self, "rejected", &handlers)
        on(OrderPaid.self, "paid", &handlers)
        on(OrderShipped.self, "shipped", &handlers)
        on(OrderCancelled.self, "cancelled", &handlers)
    }

    /// Copies the order's new status, and does what follows from it here.
    private static func on<Payload: DomainEvent>(
        _ type: Payload.Type, _ status: String, _ handlers: inout Handlers,
        then consequence: @escaping @Sendable (String, HandlerTransaction) throws -> Void = { _, _ in }
    ) {
        handlers.on(type) { event, transaction in
            let changed = try transaction.execute(
                "UPDATE order_copy SET order_status = ?, version = ? WHERE id = ?", status, event.version,
                event.aggregate.id)
            guard changed == 1 else { throw PaymentError.unknownOrder(event.aggregate.id.text) }
            try consequence(event.aggregate.id.text, transaction)
        }
    }
}
