import Tertib
import Testing

@testable import ShopCatalog
@testable import ShopOrders

@Suite("An order, from service to service")
struct OrderFlowTests {
    @Test("takes stock, is paid and is shipped when there is enough")
    func isShipped() async throws {
        try await RunningShop.with { shop in
            try await shop.list("p-1", price: 250, stock: 10)
            try await shop.place("o-1", customer: 1, product: "p-1", quantity: 3)
            try await shop.waitForOrder("o-1", toBe: .shipped)
            try await shop.waitForStock(7, of: "p-1")
            #expect(try await shop.payments.number("SELECT amount AS value FROM payment") == 750)
            #expect(try await shop.payments.text("SELECT status AS value FROM payment") == "captured")
            #expect(try await shop.orders.number("SELECT version AS value FROM orders") == 4)
        }
    }

    @Test("is rejected, and takes nothing, when there is not enough")
    func isRejected() async throws {
        try await RunningShop.with { shop in
            try await shop.list("p-1", price: 250, stock: 2)
            try await shop.place("o-1", customer: 1, product: "p-1", quantity: 3)
            try await shop.waitForOrder("o-1", toBe: .rejected)
            try await shop.waitForStock(2, of: "p-1")
            #expect(try await shop.payments.number("SELECT COUNT(*) AS value FROM payment") == 0)
            #expect(try await shop.catalog.text("SELECT status AS value FROM reservation") == "rejected")
        }
    }

    @Test("is cancelled, and gives its goods back, when the bank says no")
    func isCancelled() async throws {
        try await RunningShop.with { shop in
            try await shop.list("p-1", price: 250, stock: 10)
            try await shop.place("o-1", customer: 7, product: "p-1", quantity: 3)
            try await shop.waitForOrder("o-1", toBe: .cancelled)
            try await shop.waitForStock(10, of: "p-1")
            #expect(try await shop.payments.text("SELECT status AS value FROM payment") == "declined")
            #expect(try await shop.catalog.text("SELECT status AS value FROM reservation") == "released")
            #expect(try await shop.catalog.number("SELECT version AS value FROM product") == 3)
        }
    }

    @Test("is placed at the price that this service knows")
    func usesTheKnownPrice() async throws {
        try await RunningShop.with { shop in
            try await shop.list("p-1", price: 250, stock: 10)
            try await shop.catalog.transaction { transaction in
                try Catalog(transaction: transaction).changePrice(of: "p-1", to: 300)
            }
            try await shop.orders.wait(
                for: try .init(parsing: "product/p-1@2"), consumer: "products", timeout: .seconds(20))
            try await shop.place("o-1", customer: 1, product: "p-1", quantity: 2)
            #expect(try await shop.orders.number("SELECT total AS value FROM orders") == 600)
        }
    }
}

extension RunningShop {
    func list(_ id: String, price: Int, stock: Int) async throws {
        try await catalog.transaction { transaction in
            try Catalog(transaction: transaction).list(id: id, name: id, price: price, stock: stock)
        }
        try await waitForProduct(id)
    }

    func place(_ id: String, customer: Int, product: String, quantity: Int) async throws {
        try await orders.transaction { transaction in
            try Orders(transaction: transaction).place(id, customer: customer, product: product, quantity: quantity)
        }
    }
}
