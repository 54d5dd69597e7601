import ShopService
import Tertib

/// The tables of the orders service.
enum OrdersSchema {
    private static let statements = [
        """
        CREATE TABLE IF NOT EXISTS orders (
            id TEXT PRIMARY KEY, customer BIGINT NOT NULL, product_id TEXT NOT NULL, quantity BIGINT NOT NULL,
            total BIGINT NOT NULL, order_status TEXT NOT NULL, version BIGINT NOT NULL)
        """,
        "CREATE INDEX IF NOT EXISTS orders_by_status ON orders (order_status)",
        """
        CREATE TABLE IF NOT EXISTS product_copy (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, price BIGINT NOT NULL, stock BIGINT NOT NULL,
            version BIGINT NOT NULL)
        """,
        LoadLoop.schema,
    ]

    /// Creates what is missing; safe from several replicas at once.
    @Sendable
    static func create(_ transaction: HandlerTransaction) throws {
        for statement in statements { try transaction.execute(statement) }
    }
}
