import Foundation
import ShopService
import Tertib

@main
struct Main {
    static func main() async {
        let service = ShopService(
            name: "shop-payments", summary: "takes the money for orders; owns payment, holds a copy of orders")
        let status = await service.run(Array(CommandLine.arguments.dropFirst())) { _, tertib in
            try await tertib.transaction(PaymentsSchema.create)
            return ShopService.Parts(
                consumers: ["orders": try tertib.consumer("orders", PaymentHandlers.orders)])
        }
        exit(status)
    }
}
