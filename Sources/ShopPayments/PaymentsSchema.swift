import Tertib

/// The tables of the payments service.
enum PaymentsSchema {
    private static let statements = [
        """
        CREATE TABLE IF NOT EXISTS order_copy (
            id TEXT PRIMARY KEY, customer BIGINT NOT NULL, total BIGINT NOT NULL, order_status TEXT NOT NULL,
            version BIGINT NOT NULL)
        """,
        """
        CREATE TABLE IF NOT EXISTS payment (
            order_id TEXT PRIMARY KEY, amount BIGINT NOT NULL, status TEXT NOT NULL, version BIGINT NOT NULL)
        """,
    ]

    /// Creates what is missing; safe from several replicas at once.
    @Sendable
    static func create(_ transaction: HandlerTransaction) throws {
        for statement in statements { try transaction.execute(statement) }
    }
}
