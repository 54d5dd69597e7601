import ServiceLifecycle
import ShopEvents
import ShopService
import Tertib

/// The orders service's share of a workload: customers place orders as soon as all products are known here.
struct OrderLoad: Service {
    let tertib: EventBus
    let workload: Workload
    let rate: Int

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            do {
                for number in 0..<workload.productCount { try await waitForProduct(number) }
            } catch is CancellationError {
                return  // asked to stop before the first order
            }
        }
        try await loop.run()
    }

    /// Reads the catalog's write: waits until its event has been applied here.
    private func waitForProduct(_ number: Int) async throws {
        let token = VersionToken(aggregate: try .product(Workload.productID(number)), version: .first)
        while true {
            do {
                return try await tertib.wait(for: token, consumer: "products", timeout: .seconds(30))
            } catch let error as PublishingError where error.code == .timedOut {
                try Task.checkCancellation()
            }
        }
    }

    private var loop: LoadLoop {
        let workload = workload
        return LoadLoop(tertib: tertib, name: "orders", total: workload.orderCount, rate: rate) { number, transaction in
            let order = workload.order(number)
            try Orders(transaction: transaction).place(
                order.id, customer: order.customer, product: order.product, quantity: order.quantity)
        }
    }
}
