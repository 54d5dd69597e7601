import Tertib

/// How fast events are applied to a copy, `tertib_replica`.
struct ConsumeBenchmark: Sendable {
    let options: BenchmarkOptions
    private var load: Load { Load(aggregates: options.aggregates) }

    init(options: BenchmarkOptions) {
        self.options = options
    }

    /// Pulling and acknowledging without a database.
    func measureRaw() throws -> Measurement {
        BenchmarkRun.tell("pulling \(options.events) events by libnats alone")
        let publisher = try Raw.Publisher(options.nats)
        try publisher.addStream("RAW_CONSUME", subjects: "rawconsume.>")
        try load.prepare(options.events, namespace: "rawconsume", for: publisher)
        _ = try publisher.publish()
        return Measurement(
            kind: "consume", name: "libnats alone, pull and acknowledge", events: options.events,
            seconds: try publisher.consume("RAW_CONSUME", count: options.events))
    }

    /// An upsert an event, as many in a transaction as in a batch, without a broker.
    func measureRaw(_ database: Database) throws -> Measurement {
        let place = try Place("raw\(database.rawValue.lowercased())", options, database)
        BenchmarkRun.tell("upserting \(options.events) rows on \(database.rawValue) alone")
        return Measurement(
            kind: "consume", name: "\(database.rawValue) alone, an upsert an event", events: options.events,
            seconds: try Raw.upsert(place, count: options.events, aggregates: options.aggregates, batch: 1024))
    }

    func measure(_ database: Database, replicas: Int) async throws -> Measurement {
        let place = try Place("consume\(database.rawValue.lowercased())\(replicas)", options, database)
        BenchmarkRun.tell("applying \(options.events) events on \(database.rawValue) by \(replicas)")
        var services: [EventBus] = []
        for _ in 0..<replicas { services.append(try await place.open()) }
        // The stream is the first service's to make.
        _ = try await services[0].log.state()
        let publisher = try Raw.Publisher(options.nats)
        try load.prepare(options.events, namespace: place.name, for: publisher)
        _ = try publisher.publish()

        let clock = ContinuousClock()
        let start = clock.now
        let duration = try await withThrowingTaskGroup(of: Void.self) { group in
            for service in services {
                let consumer = try service.consumer("copy", handlers: .replica)
                group.addTask { try await consumer.run() }
            }
            while try await applied(in: services[0]) < options.events {
                try await Task.sleep(for: .milliseconds(20))
            }
            let duration = clock.now - start
            group.cancelAll()
            while await group.nextResult() != nil {}
            return duration
        }
        for service in services { await service.close() }
        return Measurement(
            kind: "consume", name: "\(database.rawValue), \(replicas) replica\(replicas == 1 ? "" : "s")",
            events: options.events, seconds: duration / .seconds(1))
    }

    private func applied(in service: EventBus) async throws -> Int {
        let rows = try await service.store.read { reader in
            try reader.query(
                "SELECT CAST(coalesce(sum(version), 0) AS BIGINT) AS n FROM tertib_watermark", arguments: [])
        }
        return Int(rows.first?["n"].integer ?? 0)
    }
}
