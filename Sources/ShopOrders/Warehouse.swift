import Logging
import ServiceLifecycle
import Tertib

/// Ships what is paid. Each replica has one, and they do not know of each other.
struct Warehouse: Service {
    let tertib: EventBus

    private static let truck = 25

    func run() async throws {
        let logger = Logger(label: "shop-orders.warehouse")
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    if try await ship() > 0 { continue }
                } catch {
                    // Nothing is lost: the orders are still paid, and the next truck takes them.
                    logger.warning("a truck did not leave", metadata: ["error": "\(error)"])
                }
                // Cancelled: the loop's condition ends it.
                try? await Task.sleep(for: .milliseconds(100 + Int.random(in: 0..<100)))
            }
        }
    }

    /// Ships some paid orders. Returns how many there were.
    func ship() async throws -> Int {
        let waiting = try await tertib.store.read { reader in
            try reader.query("SELECT 1 FROM orders WHERE order_status = 'paid' LIMIT 1", arguments: [])
        }
        guard !waiting.isEmpty else { return 0 }
        return try await tertib.transaction { transaction in
            let rows = try transaction.query(
                "SELECT id FROM orders WHERE order_status = 'paid' ORDER BY id LIMIT ?", Self.truck)
            for id in rows.compactMap({ $0["id"].text }) {
                try Orders(transaction: transaction).apply(.ship, to: id)
            }
            return rows.count
        }
    }
}
