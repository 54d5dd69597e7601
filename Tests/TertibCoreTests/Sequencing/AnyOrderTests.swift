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

        let aggregate = try Sample.aggregate()
        var consumer = try SampleConsumer()
        var backlog = Backlog<Arrival>()
        var ticket = 0
        while !deliveries.isEmpty || !backlog.isEmpty {
            let count = min(Int.random(in: 1...6, using: &generator), deliveries.count)
            let fresh = try deliveries.prefix(count).map { number in
                ticket += 1
                return try Sample.arrival(number, sequence: number, ticket: ticket)
            }
            deliveries.removeFirst(count)
            let mayHold = !deliveries.isEmpty && Bool.random(using: &generator)
            let selection = backlog.take(
                adding: fresh, malformed: [], limit: 100, now: .zero, hold: mayHold ? .seconds(1) : .zero,
                heldLimit: 100)
            let batch = Batch(arrivals: selection.items, holdable: selection.holdable)
            guard case .finished(let report) = consumer.run(batch, mode: .fast) else {
                Issue.record("the transaction gave up")
                return
            }
            #expect(report.dispositions.allSatisfy { $0 != nil }, "every arrival has an outcome")
            backlog.committed(report, now: .zero)
            let watermark = consumer.watermarks[aggregate] ?? Watermark(aggregate: aggregate)
            #expect(watermark.parked == consumer.rows.count)
            #expect(
                consumer.rows.allSatisfy {
                    $0.version > watermark.version && !$0.version.follows(watermark.version)
                })
            #expect((watermark.status == .gap) == !consumer.rows.isEmpty)
        }
        #expect(consumer.applied.map(\.version.number) == (1...Int64(last)).map { $0 })
        #expect(consumer.rows.isEmpty)
        #expect(consumer.watermarks[aggregate]?.status == .ok)
    }
}
