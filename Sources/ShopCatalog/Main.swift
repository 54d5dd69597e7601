import Foundation
import ShopService
import Tertib

@main
struct Main {
    static func main() async {
        let service = ShopService(
            name: "shop-catalog", summary: "products, prices and stock; owns product and reservation")
        let status = await service.run(Array(CommandLine.arguments.dropFirst())) { arguments, tertib in
            try await tertib.transaction(CatalogSchema.create)
            let loops = arguments.load.map { events in
                CatalogLoad(workload: Workload(seed: arguments.seed, events: events))
                    .loop(tertib, rate: arguments.rate)
            }
            return ShopService.Parts(
                consumers: [
                    "orders": try tertib.consumer("orders", CatalogHandlers.orders),
                    "offers": try tertib.consumer("offers", CatalogHandlers.offers),
                ],
                services: loops.map { [$0] } ?? [])
        }
        exit(status)
    }
}
