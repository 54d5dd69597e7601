import Foundation
import Logging
import ServiceLifecycle
import TestServers
import Tertib

@testable import ShopCatalog
@testable import ShopOrders
@testable import ShopPayments

/// The three services in this process, with the JSON files of `deploy/shop`, on a nats-server of a test's own.
struct RunningShop {
    let catalog: EventBus
    let orders: EventBus
    let payments: EventBus

    private static let silent = Logger(label: "shop-tests") { _ in SwiftLogNoOpLogHandler() }

    /// Runs the services as long as `body`, then shuts them down in order.
    static func with(_ body: @escaping @Sendable (RunningShop) async throws -> Void) async throws {
        let server = try await NatsServer.start()
        let folder = try TemporaryDirectory()
        let shop = RunningShop(
            catalog: try await open("catalog", server, folder), orders: try await open("orders", server, folder),
            payments: try await open("payments", server, folder))
        try await shop.catalog.transaction(CatalogSchema.create)
        try await shop.orders.transaction(OrdersSchema.create)
        try await shop.payments.transaction(PaymentsSchema.create)
        let services: [any Service] = [
            shop.catalog, shop.orders, shop.payments,
            try shop.catalog.consumer("orders", CatalogHandlers.orders),
            try shop.catalog.consumer("offers", CatalogHandlers.offers),
            try shop.orders.consumer("products", OrderHandlers.products),
            try shop.orders.consumer("fulfilment", OrderHandlers.fulfilment),
            try shop.payments.consumer("orders", PaymentHandlers.orders), Warehouse(tertib: shop.orders),
        ]
        let group = ServiceGroup(services: services, logger: silent)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            tasks.addTask {
                try await body(shop)
                await group.triggerGracefulShutdown()
            }
            while try await tasks.next() != nil {}
        }
    }

    /// One service, with its JSON file of `deploy/shop`, and nothing of it running.
    static func open(_ name: String, _ server: NatsServer, _ folder: TemporaryDirectory) async throws -> EventBus {
        let file = try Repository.file("deploy/shop/\(name).json")
        let text = try String(contentsOfFile: file, encoding: .utf8)
            .replacingOccurrences(of: "nats://127.0.0.1:4222", with: server.url)
        return try await EventBus.open(configuration: try folder.write(text, to: "\(name).json"), logger: silent)
    }
}

extension RunningShop {
    /// A service of its own with nothing running, for what one transaction does.
    static func withService(
        _ name: String, _ body: @Sendable (EventBus) async throws -> Void
    ) async throws {
        let server = try await NatsServer.start()
        let folder = try TemporaryDirectory()
        let tertib = try await open(name, server, folder)
        do {
            try await body(tertib)
        } catch {
            await tertib.close()
            throw error
        }
        await tertib.close()
    }

    /// Waits until an order has a status, here and in the payments' copy.
    func waitForOrder(_ id: String, toBe status: OrderStatus) async throws {
        try await waitUntil("order \(id) to be \(status)") {
            guard try await self.status(of: id, in: orders, "orders") == status.rawValue else { return false }
            return try await self.status(of: id, in: payments, "order_copy") == status.rawValue
        }
    }

    private func status(of id: String, in tertib: EventBus, _ table: String) async throws -> String? {
        try await tertib.text("SELECT order_status AS value FROM \(table) WHERE id = '\(id)'")
    }

    /// Waits until the orders service knows a product.
    func waitForProduct(_ id: String) async throws {
        try await waitUntil("product \(id) to be known to the orders service") {
            try await orders.number("SELECT COUNT(*) AS value FROM product_copy WHERE id = '\(id)'") == 1
        }
    }

    /// Waits until the orders' copy of a product's stock and the catalog's own are equal to `stock`.
    func waitForStock(_ stock: Int64, of id: String) async throws {
        try await waitUntil("product \(id) to have a stock of \(stock) everywhere") {
            let own = try await catalog.number("SELECT stock AS value FROM product WHERE id = '\(id)'")
            let copy = try await orders.number("SELECT stock AS value FROM product_copy WHERE id = '\(id)'")
            return own == stock && copy == stock
        }
    }
}

extension EventBus {
    /// The column `value` of the first row.
    func number(_ sql: String) async throws -> Int64? {
        try await store.read { try $0.query(sql, arguments: []).first?["value"].integer }
    }

    /// The column `value` of the first row.
    func text(_ sql: String) async throws -> String? {
        try await store.read { try $0.query(sql, arguments: []).first?["value"].text }
    }
}

/// Files of the repository that tests read.
enum Repository {
    /// The complete path of a file.
    static func file(_ path: String, from source: String = #filePath) throws -> String {
        var folder = URL(fileURLWithPath: source).deletingLastPathComponent()
        while folder.path != "/" {
            let file = folder.appendingPathComponent(path).path
            if FileManager.default.fileExists(atPath: file) { return file }
            folder.deleteLastPathComponent()
        }
        throw TestServerError("the repository has no \(path)")
    }
}
