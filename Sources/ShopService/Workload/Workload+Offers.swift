import Tertib

extension Workload {
    /// One message of a supplier.
    public struct OfferMessage: Hashable, Sendable {
        /// The product's id, which is the offer's.
        public let product: String
        /// The version of the offer.
        public let version: Int64
        /// What one costs the shop, in cents.
        public let cost: Int
        /// Whether the same event stands earlier in the list.
        public let isDuplicate: Bool
    }

    /// The suppliers' messages as they are published: out of version order, and every tenth twice.
    public func offerMessages() -> [OfferMessage] {
        var random = SeededGenerator(seed: seed, topic: "offers")
        var versions: [String: Int64] = [:]
        var placed: [(position: Double, message: OfferMessage)] = []
        for number in 0..<offerChangeCount {
            let product = Self.productID(number < offerCount ? number : .random(in: 0..<offerCount, using: &random))
            let version = (versions[product] ?? 0) + 1
            versions[product] = version
            let cost = Int.random(in: 100...10_000, using: &random)
            let position = Double(number) + random.fraction() * Self.disorder
            placed.append((position, OfferMessage(product: product, version: version, cost: cost, isDuplicate: false)))
            if Int.random(in: 0..<10, using: &random) == 0 {
                let again = OfferMessage(product: product, version: version, cost: cost, isDuplicate: true)
                placed.append((position + 1 + random.fraction() * Self.disorder, again))
            }
        }
        return placed.sorted { $0.position < $1.position }.map(\.message)
    }

    /// What each offer costs when all is said: the highest version's cost, by product.
    public func finalOffers() -> [String: OfferMessage] {
        Dictionary(
            offerMessages().map { ($0.product, $0) }, uniquingKeysWith: { $0.version >= $1.version ? $0 : $1 })
    }

    /// How far a message strays from its place.
    private static var disorder: Double { 160 }
}
