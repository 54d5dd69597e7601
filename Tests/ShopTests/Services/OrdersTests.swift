import Tertib
import Testing

@testable import ShopOrders

@Suite("Orders")
struct OrdersTests {
    @Test("are not placed for products that nobody has heard of")
    func unknownProduct() async throws {
        try await RunningShop.withService("orders") { tertib in
            try await tertib.transaction(OrdersSchema.create)
            await #expect(throws: OrderError.unknownProduct("p-1")) {
                try await tertib.transaction { transaction in
                    try Orders(transaction: transaction).place("o-1", customer: 1, product: "p-1", quantity: 1)
                }
            }
        }
    }

    @Test("refuse a change that their status does not allow, and stage nothing for it")
    func illegalChange() async throws {
        try await RunningShop.withService("orders") { tertib in
            try await Self.placeOrder(tertib)
            await #expect(throws: OrderError.refused(.ship, order: "o-1", status: .placed)) {
                try await tertib.transaction { try Orders(transaction: $0).apply(.ship, to: "o-1") }
            }
            #expect(try await tertib.text("SELECT order_status AS value FROM orders") == "placed")
            #expect(try await tertib.number("SELECT COUNT(*) AS value FROM tertib_outbox") == 1)
        }
    }

    @Test("are confirmed once, whoever tries at the same time")
    func oneWinner() async throws {
        try await RunningShop.withService("orders") { tertib in
            try await Self.placeOrder(tertib)
            let wins = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let change: Void? = try? await tertib.transaction { transaction in
                            try Orders(transaction: transaction).apply(.confirm, to: "o-1")
                        }
                        return change != nil
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(wins == 1)
            #expect(try await tertib.number("SELECT version AS value FROM orders") == 2)
        }
    }

    private static func placeOrder(_ tertib: EventBus) async throws {
        try await tertib.transaction { transaction in
            try OrdersSchema.create(transaction)
            try transaction.execute(
                "INSERT INTO product_copy (id, name, price, stock, version) VALUES ('p-1', 'lamp', 100, 5, 1)")
            try Orders(transaction: transaction).place("o-1", customer: 1, product: "p-1", quantity: 1)
        }
    }
}
