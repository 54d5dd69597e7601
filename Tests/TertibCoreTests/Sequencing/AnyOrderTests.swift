import Testing
import TertibCore

@Suite("Any order, any duplicates, any batches")
struct AnyOrderTests {
    @Test("Each version is applied once, in order, and at rest nothing is parked", arguments: 0..<300)
    func everythingIsAppliedOnce(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let last = Int.random(in: 1...30, using: &generator)
        var deliveries = Array(1...last)
        for _ in 0..<Int.random(in: 0...10, using: &generator) {
            deliveries.append(Int.random(in: 1...last, using: &generator))
        }
        deliveries.shuffle(using: &generator)

        var watermark = Watermark(aggregate: try Sample.aggregate())
        var rows: [ParkedEvent] = []
        var history: [Int64] = []
        var carried: [Arrival] = []
        var ticket = 0
        while !deliveries.isEmpty || !carried.isEmpty {
            let count = min(Int.random(in: 1...6, using: &generator), deliveries.count)
            var arrivals = carried
            for number in deliveries.prefix(count) {
                ticket += 1
                arrivals.append(try Sample.arrival(number, sequence: number, ticket: ticket))
            }
            deliveries.removeFirst(count)
            carried = []
            let mayHold = !deliveries.isEmpty && Bool.random(using: &generator)
            let plan = BatchPlan(
                arrivals: arrivals, wakes: [], watermarks: [watermark.aggregate: watermark], generation: 1,
                mayHold: { _ in mayHold })
            var outcomes = plan.settled
            if !plan.claims.isEmpty {
                watermark.revision += 1
                var driver = PassDriver(
                    AggregatePass(
                        claimed: watermark, arrivals: plan.arrivals[watermark.aggregate] ?? [], deadLetters: [],
                        conditions: Sample.conditions(holdable: mayHold ? Set(arrivals.map(\.ticket)) : [])), rows: rows
                )
                watermark = driver.run()
                rows = driver.rows
                history += driver.pass.appliedEvents.map(\.version.number)
                outcomes.merge(driver.pass.dispositions) { $1 }
            }
            #expect(outcomes.count == arrivals.count, "every arrival has an outcome")
            carried = arrivals.filter { outcomes[$0.ticket] == .held }
            #expect(watermark.parked == rows.count)
            #expect(rows.allSatisfy { $0.version > watermark.version && !$0.version.follows(watermark.version) })
            #expect((watermark.status == .gap) == !rows.isEmpty)
        }
        #expect(history == (1...Int64(last)).map { $0 })
        #expect(rows.isEmpty)
        #expect(watermark.status == .ok)
    }
}
