import ShopService
import Tertib

/// Checks every service's database against the owners', and the goods and the money against each other.
struct ShopVerification: Hashable, Sendable {
    /// Rows compared.
    private(set) var rows = 0
    /// Rows that differ.
    private(set) var inconsistentRows = 0
    /// What is wrong, in words.
    private(set) var problems: [String] = []

    /// Checks everything.
    init(_ tables: ShopTables, workload: Workload) {
        compare("the orders' copy of products", owner: tables.products, copy: tables.productCopies)
        compare("the payments' copy of orders", owner: tables.orders, copy: tables.orderCopies)
        compare("the catalog's copy of offers", owner: Self.offers(of: workload), copy: tables.offerCopies)
        compare(
            "the catalog's reservations", owner: Self.reservations(for: tables.orderedGoods),
            copy: tables.reservations)
        compare("the payments", owner: Self.payments(for: tables.orders), copy: tables.payments)
        compare("the stock", owner: Self.remainingStock(tables), copy: tables.stock.mapValues { [$0[1]] })
        compare("the prices", owner: Self.prices(of: workload), copy: tables.products.mapValues { [$0[1]] })
        expect("orders", workload.orderCount, tables.orders.count)
        expect("products", workload.productCount, tables.products.count)
    }

    private mutating func compare(_ name: String, owner: RowsByKey, copy: RowsByKey) {
        let comparison = TableComparison(owner: owner, copy: copy)
        rows += comparison.rows
        inconsistentRows += comparison.different.count
        guard !comparison.different.isEmpty else { return }
        let examples = comparison.different.prefix(3).joined(separator: ", ")
        problems.append("\(comparison.different.count) of \(comparison.rows) rows of \(name) are wrong: \(examples)")
    }

    private mutating func expect(_ name: String, _ expected: Int, _ actual: Int) {
        if expected != actual { problems.append("there are \(actual) \(name) instead of \(expected)") }
    }

    /// What the suppliers have said in the end.
    static func offers(of workload: Workload) -> RowsByKey {
        workload.finalOffers().mapValues { [.integer(Int64($0.cost)), .integer($0.version)] }
    }

    /// What the catalog must have set aside for the orders that there are.
    private static func reservations(for orders: RowsByKey) -> RowsByKey {
        orders.compactMapValues { order in
            let status: String? =
                switch order[2].text {
                case "confirmed", "paid", "shipped": "confirmed"
                case "rejected": "rejected"
                case "cancelled": "released"
                default: nil
                }
            return status.map { [order[0], order[1], .text($0)] }
        }
    }

    /// What must have been asked of the bank for the orders that there are.
    private static func payments(for orders: RowsByKey) -> RowsByKey {
        orders.compactMapValues { order in
            let status: String? =
                switch order[2].text {
                case "paid", "shipped": "captured"
                case "cancelled": "declined"
                default: nil
                }
            return status.map { [order[1], .text($0)] }
        }
    }

    /// What must be left of each product: what there was at first, less what is set aside.
    private static func remainingStock(_ tables: ShopTables) -> RowsByKey {
        var taken: [String: Int64] = [:]
        for reservation in tables.reservations.values where reservation[2].text == "confirmed" {
            guard let product = reservation[0].text, let quantity = reservation[1].integer else { continue }
            taken[product, default: 0] += quantity
        }
        return Dictionary(
            uniqueKeysWithValues: tables.stock.map { id, stock in
                (id, [.integer((stock[0].integer ?? 0) - (taken[id] ?? 0))])
            })
    }

    /// What each product must cost in the end, by the workload.
    private static func prices(of workload: Workload) -> RowsByKey {
        var prices: RowsByKey = [:]
        for number in 0..<workload.productCount {
            let product = workload.product(number)
            prices[product.id] = [.integer(Int64(product.price))]
        }
        for number in 0..<workload.priceChangeCount {
            let change = workload.priceChange(number)
            prices[change.product] = [.integer(Int64(change.price))]
        }
        return prices
    }
}
