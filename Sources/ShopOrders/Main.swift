import Foundation
import ServiceLifecycle
import ShopService
import Tertib

@main
struct Main {
    static func main() async {
        let service = ShopService(
            name: "shop-orders", summary: "orders, from placed to shipped; owns order, holds a copy of products")
        let status = await service.run(Array(CommandLine.arguments.dropFirst())) { arguments, tertib in
            try await tertib.transaction(OrdersSchema.create)
            var services: [any Service] = [Warehouse(tertib: tertib)]
            if let events = arguments.load {
                let workload = Workload(seed: arguments.seed, events: events)
                services.append(OrderLoad(tertib: tertib, workload: workload, rate: arguments.rate))
            }
            return ShopService.Parts(
                consumers: [
                    "products": try tertib.consumer("products", OrderHandlers.products),
                    "fulfilment": try tertib.consumer("fulfilment", OrderHandlers.fulfilment),
                ],
                services: services)
        }
        exit(status)
    }
}
