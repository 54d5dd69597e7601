import ShopService
import Tertib

/// The catalog's share of a workload: its products are listed, then their prices change.
struct CatalogLoad {
    let workload: Workload

    /// The loop that plays it.
    func loop(_ tertib: EventBus, rate: Int) -> LoadLoop {
        let workload = workload
        let total = workload.productCount + workload.priceChangeCount
        return LoadLoop(tertib: tertib, name: "catalog", total: total, rate: rate) { number, transaction in
            try Self.play(number, of: workload, in: Catalog(transaction: transaction))
        }
    }

    private static func play(_ number: Int, of workload: Workload, in catalog: Catalog) throws {
        guard number >= workload.productCount else {
            let product = workload.product(number)
            return try catalog.list(id: product.id, name: product.name, price: product.price, stock: product.stock)
        }
        let change = workload.priceChange(number - workload.productCount)
        try catalog.changePrice(of: change.product, to: change.price)
    }
}
