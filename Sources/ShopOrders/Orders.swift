import ShopEvents
import Tertib

/// What can be done with orders, each inside a transaction, together with the events that tell the others.
struct Orders {
    let transaction: HandlerTransaction

    /// Places an order at the price that this service knows.
    func place(_ id: String, customer: Int, product: String, quantity: Int) throws {
        let rows = try transaction.query("SELECT price FROM product_copy WHERE id = ?", product)
        guard let price = rows.first?["price"].integer else { throw OrderError.unknownProduct(product) }
        let total = Int(price) * quantity
        let version = try transaction.stage(
            OrderPlaced(customer: customer, product: product, quantity: quantity, total: total), for: try .order(id),
            expecting: AggregateVersion.none)
        try transaction.execute(
            """
            INSERT INTO orders (id, customer, product_id, quantity, total, order_status, version)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """, id, customer, product, quantity, total, OrderStatus.placed.rawValue, version)
    }

    /// Changes an order's status: a stateful update, which depends on the status before.
    ///
    /// The row's version stands in the `UPDATE`, so that of two that have read one status only one can write.
    func apply(_ change: OrderChange, to id: String) throws {
        let rows = try transaction.query("SELECT order_status, version FROM orders WHERE id = ?", id)
        guard let row = rows.first, let text = row["order_status"].text, let status = OrderStatus(rawValue: text),
            let version = row["version"].integer.flatMap({ AggregateVersion($0) })
        else { throw OrderError.unknownOrder(id) }
        guard let next = status.after(change) else { throw OrderError.refused(change, order: id, status: status) }
        let staged = try stage(change, for: try .order(id), expecting: version)
        let changed = try transaction.execute(
            "UPDATE orders SET order_status = ?, version = ? WHERE id = ? AND version = ?", next.rawValue, staged, id,
            version)
        guard changed == 1 else { throw VersionConflict(aggregate: try .order(id), expected: version, actual: nil) }
    }

    private func stage(
        _ change: OrderChange, for order: Aggregate, expecting version: AggregateVersion
    ) throws -> AggregateVersion {
        switch change {
        case .confirm: try transaction.stage(OrderConfirmed(), for: order, expecting: version)
        case .reject: try transaction.stage(OrderRejected(), for: order, expecting: version)
        case .pay: try transaction.stage(OrderPaid(), for: order, expecting: version)
        case .cancel: try transaction.stage(OrderCancelled(), for: order, expecting: version)
        case .ship: try transaction.stage(OrderShipped(), for: order, expecting: version)
        }
    }
}

/// What the orders service cannot do.
enum OrderError: Error, Hashable, CustomStringConvertible {
    case unknownProduct(String)
    case unknownOrder(String)
    case refused(OrderChange, order: String, status: OrderStatus)

    var description: String {
        switch self {
        case .unknownProduct(let id): "this service has not heard of a product \(id)"
        case .unknownOrder(let id): "there is no order \(id)"
        case .refused(let change, let order, let status):
            "order \(order) cannot \(change.rawValue): it is \(status.rawValue)"
        }
    }
}
