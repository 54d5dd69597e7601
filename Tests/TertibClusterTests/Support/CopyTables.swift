import TertibRuntime
import TertibCore
import TertibSQLite

/// What the consumers keep: a copy of every aggregate, and a ledger in which nothing may stand twice.
enum CopyTables {
    static func create(in store: SQLiteStore) async throws {
        try await store.transaction { transaction in
            for statement in [
                """
                CREATE TABLE copy (type TEXT NOT NULL, id TEXT NOT NULL, total INTEGER NOT NULL, history TEXT NOT NULL,
                    PRIMARY KEY (type, id))
                """,
                """
                CREATE TABLE ledger (type TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
                    event_id TEXT NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (type, id, version))
                """,
            ] {
                _ = try transaction.execute(statement, arguments: [])
            }
        }
    }

    /// The handler. An event that is applied twice meets the ledger's key.
    static func register(_ handlers: inout Handlers) {
        handlers.on(Moved.self) { event, transaction in
            let (type, id) = (event.aggregate.type.text, event.aggregate.id.text)
            try transaction.execute(
                "INSERT INTO ledger (type, id, version, event_id, amount) VALUES (?, ?, ?, ?, ?)", type, id,
                event.version, event.id.text, event.payload.amount)
            try transaction.execute(
                """
                INSERT INTO copy (type, id, total, history) VALUES (?, ?, ?, ?)
                ON CONFLICT (type, id) DO UPDATE SET total = (total * 31 + excluded.total) % 1000003,
                    history = history || ' ' || excluded.history
                """, type, id, event.payload.amount, String(event.version.number))
        }
    }

    /// A copy as the owner would compute it.
    static func total(of amounts: [Int64]) -> Int64 {
        amounts.dropFirst().reduce(amounts.first ?? 0) { ($0 * 31 + $1) % 1_000_003 }
    }
}
