import ShopService
import Tertib

/// The catalog's own tables.
enum CatalogSchema {
    private static let statements = [
        """
        CREATE TABLE IF NOT EXISTS product (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, price BIGINT NOT NULL, stock BIGINT NOT NULL CHECK (stock >= 0),
            initial_stock BIGINT NOT NULL, version BIGINT NOT NULL)
        """,
        """
        CREATE TABLE IF NOT EXISTS reservation (
            order_id TEXT PRIMARY KEY, product_id TEXT NOT NULL, quantity BIGINT NOT NULL, status TEXT NOT NULL,
            version BIGINT NOT NULL)
        """,
        """
        CREATE TABLE IF NOT EXISTS offer_copy (
            product_id TEXT PRIMARY KEY, cost BIGINT NOT NULL, version BIGINT NOT NULL)
        """,
        LoadLoop.schema,
    ]

    /// Creates what is missing; safe from several replicas at once.
    @Sendable
    static func create(_ transaction: HandlerTransaction) throws {
        for statement in statements { try transaction.execute(statement) }
    }
}
