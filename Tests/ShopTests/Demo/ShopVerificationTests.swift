import ShopService
import Tertib
import Testing

@testable import ShopDemo

@Suite("The demo's checks")
struct ShopVerificationTests {
    private static let workload = Workload(seed: 2, events: 30)

    @Test("find nothing wrong with a shop that is right")
    func right() {
        let verification = ShopVerification(Self.tables, workload: Self.workload)
        #expect(verification.problems.isEmpty)
        #expect(verification.inconsistentRows == 0)
        #expect(verification.rows > 3 * Self.workload.productCount)
    }

    @Test("find every kind of mistake", arguments: Mistake.allCases)
    func wrong(mistake: Mistake) {
        var tables = Self.tables
        mistake.make(in: &tables)
        let verification = ShopVerification(tables, workload: Self.workload)
        #expect(verification.inconsistentRows > 0)
        #expect(!verification.problems.isEmpty)
    }

    @Test("find an order that is nowhere")
    func missingOrder() {
        var tables = Self.tables
        tables.orders["o-000000"] = nil
        tables.orderedGoods["o-000000"] = nil
        tables.orderCopies["o-000000"] = nil
        tables.reservations["o-000000"] = nil
        #expect(!ShopVerification(tables, workload: Self.workload).problems.isEmpty)
    }

    /// One thing that can be wrong.
    enum Mistake: CaseIterable {
        case productCopyIsOld, orderCopyIsMissing, offerIsOld, reservationIsMissing, paymentWithoutOrder, stockIsLost
        case priceIsOld

        func make(in tables: inout ShopTables) {
            switch self {
            case .productCopyIsOld: tables.productCopies["p-001"]?[3] = .integer(0)
            case .orderCopyIsMissing: tables.orderCopies["o-000001"] = nil
            case .offerIsOld: tables.offerCopies["p-000"]?[0] = .integer(-1)
            case .reservationIsMissing: tables.reservations["o-000000"] = nil
            case .paymentWithoutOrder: tables.payments["o-9"] = [.integer(1), .text("captured")]
            case .stockIsLost: tables.stock["p-000"]?[1] = .integer(-1)
            case .priceIsOld:
                tables.products["p-000"]?[1] = .integer(1)
                tables.productCopies["p-000"]?[1] = .integer(1)
            }
        }
    }

    /// A shop in which the first order was shipped, the second rejected and the third cancelled.
    private static var tables: ShopTables {
        var tables = ShopTables()
        var prices: [String: Int] = [:]
        for number in 0..<workload.priceChangeCount {
            let change = workload.priceChange(number)
            prices[change.product] = change.price
        }
        for number in 0..<workload.productCount {
            let product = workload.product(number)
            let price = Int64(prices[product.id] ?? product.price)
            let stock = Int64(product.stock - (number == 0 ? 2 : 0))
            tables.products[product.id] = [.text(product.name), .integer(price), .integer(stock), .integer(3)]
            tables.stock[product.id] = [.integer(Int64(product.stock)), .integer(stock)]
        }
        tables.productCopies = tables.products
        tables.offerCopies = ShopVerification.offers(of: workload)
        for (id, status, reservation, payment) in [
            ("o-000000", "shipped", "confirmed", "captured"), ("o-000001", "rejected", "rejected", nil),
            ("o-000002", "cancelled", "released", "declined"),
        ] {
            tables.orders[id] = [.integer(1), .integer(500), .text(status), .integer(4)]
            tables.orderedGoods[id] = [.text("p-000"), .integer(2), .text(status)]
            tables.reservations[id] = [.text("p-000"), .integer(2), .text(reservation)]
            tables.payments[id] = payment.map { [.integer(500), .text($0)] }
        }
        tables.orderCopies = tables.orders
        return tables
    }
}
