import ShopEvents
import Tertib

/// What the catalog does, each inside a transaction, together with the events that tell the others.
struct Catalog {
    let transaction: HandlerTransaction

    /// Sells a new product.
    func list(id: String, name: String, price: Int, stock: Int) throws {
        let version = try transaction.stage(
            ProductListed(name: name, price: price, stock: stock), for: try .product(id),
            expecting: AggregateVersion.none)
        try transaction.execute(
            "INSERT INTO product (id, name, price, stock, initial_stock, version) VALUES (?, ?, ?, ?, ?, ?)",
            id, name, price, stock, stock, version)
    }

    /// Gives a product another price.
    ///
    /// The row is written before the event is staged, as everywhere here: where rows are locked one by one, two
    /// transactions that lock in one order do not wait for each other in a circle.
    func changePrice(of product: String, to price: Int) throws {
        let changed = try transaction.execute("UPDATE product SET price = ? WHERE id = ?", price, product)
        guard changed == 1 else { throw CatalogError.unknownProduct(product) }
        let version = try transaction.stage(ProductPriced(price: price), for: try .product(product))
        try transaction.execute("UPDATE product SET version = ? WHERE id = ?", version, product)
    }

    /// Sets goods aside for an order, or says that there are not enough.
    ///
    /// A stateless update: it does not read the stock before, so that no number of neighbours can make it wrong, and
    /// its condition keeps the stock from ever going below 0.
    func reserve(_ quantity: Int, of product: String, for order: String) throws {
        let taken = try transaction.execute(
            "UPDATE product SET stock = stock - ? WHERE id = ? AND stock >= ?", quantity, product, quantity)
        if taken == 1 { try stageStock(of: product, change: -quantity, order: order) }
        let reservation = try Aggregate.reservation(order)
        let version =
            taken == 1
            ? try transaction.stage(ReservationConfirmed(product: product, quantity: quantity), for: reservation)
            : try transaction.stage(ReservationRejected(product: product, quantity: quantity), for: reservation)
        try transaction.execute(
            "INSERT INTO reservation (order_id, product_id, quantity, status, version) VALUES (?, ?, ?, ?, ?)",
            order, product, quantity, taken == 1 ? "confirmed" : "rejected", version)
    }

    /// Gives back what was set aside for an order that is cancelled.
    func release(_ order: String) throws {
        let rows = try transaction.query(
            "SELECT product_id, quantity FROM reservation WHERE order_id = ? AND status = 'confirmed'", order)
        guard let row = rows.first, let product = row["product_id"].text, let quantity = row["quantity"].integer else {
            throw CatalogError.nothingReserved(order)
        }
        try transaction.execute("UPDATE product SET stock = stock + ? WHERE id = ?", quantity, product)
        try stageStock(of: product, change: Int(quantity), order: order)
        let version = try transaction.stage(
            ReservationReleased(product: product, quantity: Int(quantity)), for: try .reservation(order))
        try transaction.execute(
            "UPDATE reservation SET status = 'released', version = ? WHERE order_id = ?", version, order)
    }

    private func stageStock(of product: String, change: Int, order: String) throws {
        let rows = try transaction.query("SELECT stock FROM product WHERE id = ?", product)
        guard let stock = rows.first?["stock"].integer else { throw CatalogError.unknownProduct(product) }
        let version = try transaction.stage(
            ProductStockChanged(stock: Int(stock), change: change, order: order), for: try .product(product))
        try transaction.execute("UPDATE product SET version = ? WHERE id = ?", version, product)
    }
}

/// What the catalog cannot do.
enum CatalogError: Error, Hashable, CustomStringConvertible {
    case unknownProduct(String)
    case nothingReserved(String)

    var description: String {
        switch self {
        case .unknownProduct(let id): "the catalog has no product \(id)"
        case .nothingReserved(let order): "nothing is reserved for order \(order)"
        }
    }
}
