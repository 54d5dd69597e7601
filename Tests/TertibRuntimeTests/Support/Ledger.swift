import TertibRuntime
import TertibCore
import TertibTesting

/// The effect that the tests look at: one row for each applied event, by plain INSERT, so that a second application of
/// a version is an error and not an overwrite; and the order of application, read and written back.
enum Ledger {
    static let creations = [
        """
        CREATE TABLE IF NOT EXISTS ledger (aggregate TEXT NOT NULL, version INTEGER NOT NULL, event_id TEXT NOT NULL,
            PRIMARY KEY (aggregate, version))
        """,
        "CREATE TABLE IF NOT EXISTS history (aggregate TEXT PRIMARY KEY, versions TEXT NOT NULL)",
    ]
    static let insert = "INSERT INTO ledger (aggregate, version, event_id) VALUES (?, ?, ?)"
    static let count = "SELECT version FROM ledger"
    static let select = "SELECT versions FROM history WHERE aggregate = ?"
    static let upsert = """
        INSERT INTO history (aggregate, versions) VALUES (?, ?)
        ON CONFLICT (aggregate) DO UPDATE SET versions = excluded.versions
        """

    /// What the statements mean to a store that does not read SQL.
    static let meanings: [String: MemoryStatement] = [
        insert: .insert(into: "ledger", columns: ["aggregate", "version", "event_id"], key: ["aggregate", "version"]),
        count: .select(from: "ledger"),
        select: .select(from: "history", where: ["aggregate"]),
        upsert: .upsert(into: "history", columns: ["aggregate", "versions"], key: ["aggregate"]),
    ]

    static func record(_ envelope: Envelope, in transaction: HandlerTransaction) throws {
        let aggregate = envelope.aggregate.description
        try transaction.execute(insert, aggregate, envelope.version.number, envelope.id.text)
        let known = try transaction.query(select, aggregate).first?["versions"].text
        try transaction.execute(upsert, aggregate, (known.map { $0 + " " } ?? "") + envelope.version.description)
    }

    /// The applied versions of an aggregate, in the order of application.
    static func history(_ store: any ConsumerStore, of aggregate: Aggregate) async throws -> [Int64] {
        let versions = try await store.read { reader in
            try reader.query(select, arguments: [.text(aggregate.description)]).first?["versions"].text
        }
        return versions?.split(separator: " ").compactMap { Int64($0) } ?? []
    }

    /// How many events were applied in all.
    static func count(_ store: any ConsumerStore) async throws -> Int {
        try await store.read { try $0.query(count, arguments: []).count }
    }
}
