import ShopService
import Testing

@Suite("A workload")
struct WorkloadTests {
    @Test("is the same for the same seed, and another one for another")
    func followsTheSeed() {
        func everything(_ seed: UInt64) -> [AnyHashable] {
            let workload = Workload(seed: seed, events: 400)
            var all: [AnyHashable] = workload.offerMessages().map(AnyHashable.init)
            all += (0..<workload.productCount).map { AnyHashable(workload.product($0)) }
            all += (0..<workload.priceChangeCount).map { AnyHashable(workload.priceChange($0)) }
            all += (0..<workload.orderCount).map { AnyHashable(workload.order($0)) }
            return all
        }
        #expect(everything(7) == everything(7))
        #expect(everything(7) != everything(8))
    }

    @Test("makes at least as many events as it is asked for", arguments: [0, 1, 10, 300, 5000])
    func isLargeEnough(events: Int) {
        let workload = Workload(seed: 1, events: events)
        let fewest = workload.productCount + workload.priceChangeCount + 3 * workload.orderCount
        #expect(fewest >= events)
    }

    @Test("has every version of every offer, some twice, and not in their order")
    func offersAreWild() throws {
        let messages = Workload(seed: 3, events: 2000).offerMessages()
        let firsts = messages.filter { !$0.isDuplicate }
        for (product, offers) in Dictionary(grouping: firsts, by: \.product) {
            #expect(offers.map(\.version).sorted() == Array(1...Int64(offers.count)), "offers of \(product)")
        }
        let inOrder = Dictionary(grouping: firsts, by: \.product).values.allSatisfy { offers in
            offers.map(\.version) == offers.map(\.version).sorted()
        }
        #expect(!inOrder)
        #expect(messages.contains { $0.isDuplicate })
    }

    @Test("ends with the highest version of each offer")
    func finalOffers() {
        let workload = Workload(seed: 3, events: 2000)
        let final = workload.finalOffers()
        #expect(final.count == workload.offerCount)
        #expect(workload.offerMessages().allSatisfy { $0.version <= final[$0.product]?.version ?? 0 })
    }
}
