import TertibRuntime

/// The worker's own tables.
enum LabSchema {
    static let statements = [
        """
        CREATE TABLE IF NOT EXISTS lab_row (
            aggregate_type TEXT NOT NULL, aggregate_id TEXT NOT NULL, version BIGINT NOT NULL, value BIGINT NOT NULL,
            history TEXT NOT NULL, PRIMARY KEY (aggregate_type, aggregate_id))
        """,
        """
        CREATE TABLE IF NOT EXISTS lab_ledger (
            aggregate_type TEXT NOT NULL, aggregate_id TEXT NOT NULL, version BIGINT NOT NULL, event_id TEXT NOT NULL,
            PRIMARY KEY (aggregate_type, aggregate_id, version))
        """,
        """
        CREATE TABLE IF NOT EXISTS lab_staged (
            number BIGINT NOT NULL PRIMARY KEY, aggregate_type TEXT NOT NULL, aggregate_id TEXT NOT NULL,
            version BIGINT NOT NULL)
        """,
    ]

    @Sendable
    static func create(_ transaction: HandlerTransaction) throws {
        for statement in statements { try transaction.execute(statement) }
    }
}
