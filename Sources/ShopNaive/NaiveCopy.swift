import Foundation
import ShopEvents
import ShopService
import Tertib

/// The copies that a naive consumer keeps, and how it changes them.
struct NaiveCopy {
    let transaction: HandlerTransaction
    let way: NaiveWay

    /// The row has not the version that the event needs.
    struct WrongVersion: Error {}

    @Sendable
    static func create(_ transaction: HandlerTransaction) throws {
        try transaction.execute(
            """
            CREATE TABLE IF NOT EXISTS product_copy (
                id TEXT PRIMARY KEY, name TEXT, price BIGINT, stock BIGINT, version BIGINT NOT NULL)
            """)
        try transaction.execute(
            "CREATE TABLE IF NOT EXISTS offer_copy (id TEXT PRIMARY KEY, cost BIGINT, version BIGINT NOT NULL)")
    }

    /// Applies one event.
    /// - Throws: ``WrongVersion`` when the way demands another version of the row.
    func apply(_ envelope: Envelope) throws {
        switch envelope.type.text {
        case ProductListed.eventType:
            let event = try payload(ProductListed.self, of: envelope)
            try write("product_copy", ["name": event.name, "price": event.price, "stock": event.stock], envelope)
        case ProductPriced.eventType:
            try write("product_copy", ["price": try payload(ProductPriced.self, of: envelope).price], envelope)
        case ProductStockChanged.eventType:
            try write("product_copy", ["stock": try payload(ProductStockChanged.self, of: envelope).stock], envelope)
        case OfferChanged.eventType:
            try write("offer_copy", ["cost": try payload(OfferChanged.self, of: envelope).cost], envelope)
        default:
            return
        }
    }

    private func payload<Payload: DomainEvent>(_ type: Payload.Type, of envelope: Envelope) throws -> Payload {
        try JSONDecoder().decode(type, from: Data(envelope.body))
    }

    private func write(_ table: String, _ columns: [String: any SQLConvertible], _ envelope: Envelope) throws {
        let columns = columns.sorted { $0.key < $1.key }
        for (column, value) in columns {
            switch way {
            case .lastWriteWins:
                try transaction.execute(
                    """
                    INSERT INTO \(table) (id, \(column), version) VALUES (?, ?, ?)
                    ON CONFLICT (id) DO UPDATE SET \(column) = excluded.\(column), version = excluded.version
                    """, envelope.aggregate.id, value, envelope.version)
            case .versionCheck:
                let isFirstColumn = column == columns.first?.key
                try isFirstColumn
                    ? writeChecked(table, column, value, envelope)
                    : overwrite(table, column, value, envelope)
            }
        }
    }

    private func writeChecked(
        _ table: String, _ column: String, _ value: any SQLConvertible, _ envelope: Envelope
    ) throws {
        let changed =
            envelope.version == .first
            ? try transaction.execute(
                "INSERT INTO \(table) (id, \(column), version) VALUES (?, ?, 1) ON CONFLICT (id) DO NOTHING",
                envelope.aggregate.id, value)
            : try transaction.execute(
                "UPDATE \(table) SET \(column) = ?, version = ? WHERE id = ? AND version = ?", value, envelope.version,
                envelope.aggregate.id, envelope.version.number - 1)
        guard changed == 1 else { throw WrongVersion() }
    }

    private func overwrite(
        _ table: String, _ column: String, _ value: any SQLConvertible, _ envelope: Envelope
    ) throws {
        try transaction.execute("UPDATE \(table) SET \(column) = ? WHERE id = ?", value, envelope.aggregate.id)
    }
}
