import Tertib

/// How fast the relay publishes what is staged.
struct DrainBenchmark: Sendable {
    let options: BenchmarkOptions
    private var load: Load { Load(aggregates: options.aggregates) }

    init(options: BenchmarkOptions) {
        self.options = options
    }

    /// The same messages by js_PublishMsgAsync, without a database and without an expectation.
    func measureRaw() throws -> Measurement {
        BenchmarkRun.tell("publishing \(options.rows) events by libnats alone")
        let publisher = try Raw.Publisher(options.nats)
        try publisher.addStream("RAW_PUBLISH", subjects: "rawpublish.>")
        try load.prepare(options.rows, namespace: "rawpublish", for: publisher)
        return Measurement(
            kind: "drain", name: "libnats alone, js_PublishMsgAsync", events: options.rows,
            seconds: try publisher.publish())
    }

    func measure(_ database: Database) async throws -> Measurement {
        let place = try Place("drain\(database.rawValue.lowercased())", options, database)
        BenchmarkRun.tell("staging \(options.rows) events on \(database.rawValue)")
        let service = try await place.open()
        try await stage(with: service)
        BenchmarkRun.tell("draining them")
        let clock = ContinuousClock()
        let start = clock.now
        let duration = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            while try await service.log.state().messages < UInt64(options.rows) {
                try await Task.sleep(for: .milliseconds(10))
            }
            let duration = clock.now - start
            group.cancelAll()
            // It was cancelled; what it published is in the stream.
            _ = await group.nextResult()
            return duration
        }
        return Measurement(
            kind: "drain", name: "relay on \(database.rawValue)", events: options.rows, seconds: duration / .seconds(1))
    }

    private func stage(with service: EventBus) async throws {
        let (load, total, batch) = (load, options.rows, 1000)
        let type = try EventType("item.counted")
        for first in stride(from: 0, to: total, by: batch) {
            try await service.transaction { transaction in
                for number in first..<min(first + batch, total) {
                    let event = try NewEvent(type: type, json: Array(Load.body.utf8))
                    try transaction.stage(event, for: try load.aggregate(number))
                }
            }
        }
    }
}
