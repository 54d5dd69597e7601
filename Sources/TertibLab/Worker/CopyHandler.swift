import Foundation
import ShopService
import TertibRuntime
import TertibCore

/// Keeps a copy of the newest amount of every aggregate, and notes whatever it applies.
enum CopyHandler {
    /// The row has not the version that the event needs.
    struct WrongVersion: Error {}

    private static let statements = [
        "CREATE TABLE IF NOT EXISTS lab_copy (id TEXT NOT NULL PRIMARY KEY, amount BIGINT NOT NULL, "
            + "version BIGINT NOT NULL)",
        // Without a key on purpose: what is applied twice stands here twice.
        "CREATE TABLE IF NOT EXISTS lab_applied (id TEXT NOT NULL, version BIGINT NOT NULL)",
    ]

    @Sendable
    static func create(_ transaction: HandlerTransaction) throws {
        for statement in statements { try transaction.execute(statement) }
    }

    /// Tertib's way: the watermark has decided already.
    @Sendable
    static func register(_ handlers: inout Handlers) {
        handlers.on(Moved.self) { event, transaction in
            try overwrite(event.aggregate.id.text, event.payload.amount, event.version, transaction)
            try note(event.aggregate.id.text, event.version, transaction)
        }
    }

    /// A wrong way: nothing decides, or the row's own version does.
    static func apply(_ envelope: Envelope, _ transaction: HandlerTransaction, way: NaiveWay) throws {
        let payload = try JSONDecoder().decode(Moved.self, from: Data(envelope.body))
        let (id, version) = (envelope.aggregate.id.text, envelope.version)
        switch way {
        case .lastWriteWins: try overwrite(id, payload.amount, version, transaction)
        case .versionCheck: try overwriteChecked(id, payload.amount, version, transaction)
        }
        try note(id, version, transaction)
    }

    private static func overwrite(
        _ id: String, _ amount: Int, _ version: AggregateVersion, _ transaction: HandlerTransaction
    ) throws {
        try transaction.execute(
            """
            INSERT INTO lab_copy (id, amount, version) VALUES (?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, version = excluded.version
            """, id, amount, version)
    }

    /// The tutorials' check: the row of the version before, else throw and wait for the redelivery.
    private static func overwriteChecked(
        _ id: String, _ amount: Int, _ version: AggregateVersion, _ transaction: HandlerTransaction
    ) throws {
        let changed =
            version == .first
            ? try transaction.execute(
                "INSERT INTO lab_copy (id, amount, version) VALUES (?, ?, 1) ON CONFLICT (id) DO NOTHING", id, amount)
            : try transaction.execute(
                "UPDATE lab_copy SET amount = ?, version = ? WHERE id = ? AND version = ?", amount, version, id,
                version.number - 1)
        guard changed == 1 else { throw WrongVersion() }
    }

    private static func note(
        _ id: String, _ version: AggregateVersion, _ transaction: HandlerTransaction
    ) throws {
        try transaction.execute("INSERT INTO lab_applied (id, version) VALUES (?, ?)", id, version)
    }
}
