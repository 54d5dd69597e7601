import Tertib

/// What the three services have in their databases, read when nothing moves any more.
struct ShopTables: Sendable {
    /// Catalog: id to name, price, stock, version.
    var products: RowsByKey = [:]
    /// Catalog: id to initial stock, stock.
    var stock: RowsByKey = [:]
    /// Catalog: order to product, quantity, status.
    var reservations: RowsByKey = [:]
    /// Catalog: product to cost, version.
    var offerCopies: RowsByKey = [:]
    /// Orders: id to customer, total, status, version.
    var orders: RowsByKey = [:]
    /// Orders: id to product, quantity, status.
    var orderedGoods: RowsByKey = [:]
    /// Orders: id to name, price, stock, version.
    var productCopies: RowsByKey = [:]
    /// Payments: id to customer, total, status, version.
    var orderCopies: RowsByKey = [:]
    /// Payments: order to amount, status.
    var payments: RowsByKey = [:]

    /// No rows.
    init() {}

    /// Reads the databases of the three services.
    init(catalog: any ConsumerStore, orders: any ConsumerStore, payments: any ConsumerStore) async throws {
        (products, stock, reservations, offerCopies) = try await catalog.read { reader in
            (
                try reader.table(["id", "name", "price", "stock", "version"], from: "product"),
                try reader.table(["id", "initial_stock", "stock"], from: "product"),
                try reader.table(["order_id", "product_id", "quantity", "status"], from: "reservation"),
                try reader.table(["product_id", "cost", "version"], from: "offer_copy")
            )
        }
        (self.orders, orderedGoods, productCopies) = try await orders.read { reader in
            (
                try reader.table(["id", "customer", "total", "order_status", "version"], from: "orders"),
                try reader.table(["id", "product_id", "quantity", "order_status"], from: "orders"),
                try reader.table(["id", "name", "price", "stock", "version"], from: "product_copy")
            )
        }
        (orderCopies, self.payments) = try await payments.read { reader in
            (
                try reader.table(["id", "customer", "total", "order_status", "version"], from: "order_copy"),
                try reader.table(["order_id", "amount", "status"], from: "payment")
            )
        }
    }
}
