import Foundation
import ServiceLifecycle
import ShopService
import Tertib

/// What a consumer looks like without Tertib's watermarks, in the two ways that are seen most often, to be measured
/// beside it. It takes the same deliveries from the same stream, through a JetStream consumer of its own.
@main
struct Main {
    static func main() async {
        let service = ShopService(
            name: "shop-naive", summary: "the two wrong ways to keep a copy of products and offers",
            others: ["--way"])
        let status = await service.run(Array(CommandLine.arguments.dropFirst())) { arguments, tertib in
            guard let way = arguments.others["--way"].flatMap(NaiveWay.init(rawValue:)) else {
                let ways = NaiveWay.allCases.map(\.rawValue).joined(separator: " or ")
                throw ServiceArguments.Unusable(description: "--way is \(ways)")
            }
            try await tertib.transaction(NaiveCopy.create)
            let services = ["product", "offer"].map { type in
                NaiveConsumer(tertib: tertib, type: type) { envelope, transaction in
                    try NaiveCopy(transaction: transaction, way: way).apply(envelope)
                }
            }
            return ShopService.Parts(consumers: [:], services: services)
        }
        exit(status)
    }
}
