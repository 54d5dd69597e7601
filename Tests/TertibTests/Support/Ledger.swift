import Tertib
import TertibCore

/// The effect that the tests look at: one row for each applied event, by plain INSERT, so that a second application of
/// a version is an error and not an overwrite.
enum Ledger {
    static let create = """
        CREATE TABLE IF NOT EXISTS ledger (position INTEGER PRIMARY KEY, aggregate TEXT NOT NULL,
            version INTEGER NOT NULL, event_id TEXT NOT NULL, UNIQUE (aggregate, version))
        """
    static let insert = "INSERT INTO ledger (aggregate, version, event_id) VALUES (?, ?, ?)"
    static let select = "SELECT aggregate, version, event_id FROM ledger ORDER BY position"

    static func record(_ envelope: Envelope, in transaction: HandlerTransaction) throws {
        try transaction.execute(
            insert, envelope.aggregate.description, envelope.version.number, envelope.id.text)
    }

    /// The applied versions of an aggregate, in the order of application.
    static func history(_ store: any ConsumerStore, of aggregate: Aggregate) async throws -> [Int64] {
        try await store.read { reader in
            try reader.query(select, arguments: []).filter { $0["aggregate"].text == aggregate.description }
                .compactMap(\.self["version"].integer)
        }
    }

    /// How many events were applied in all.
    static func count(_ store: any ConsumerStore) async throws -> Int {
        try await store.read { try $0.query(select, arguments: []).count }
    }
}
