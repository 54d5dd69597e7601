public import TertibCore

/// How far a service is: the stream, each consumer against it, and what waits to be published.
public struct Status: Hashable, Sendable {
    /// The stream, as its leader describes it.
    public let stream: StreamState
    /// The service's consumers, by name.
    public let consumers: [ConsumerStatus]
    /// What is staged and not published.
    public let outbox: OutboxSummary
    /// When this was read, by the database's clock.
    public let readAt: Timestamp

    /// How long the oldest staged event has waited.
    public var oldestStagedAge: Duration? { outbox.oldestStagedAt.map { max(.zero, readAt.since($0)) } }
}

/// How far one consumer is.
public struct ConsumerStatus: Hashable, Sendable {
    /// Its name.
    public let name: ConsumerName
    /// The durable JetStream consumer; `nil` when the broker has none, because no replica has run yet.
    public let durable: LogConsumerState?
    /// Events that it has still to apply, those that are parked aside: not delivered, or delivered and not acknowledged.
    public let lag: UInt64
    /// What its database has.
    public let summary: ConsumerSummary
    /// How long its oldest parked event has waited, by the database's clock.
    public let oldestParkedAge: Duration?

    /// Delivered and not acknowledged.
    public var acknowledgementPending: Int { durable?.acknowledgementPending ?? 0 }
}

extension EventBus {
    /// How far this service is.
    ///
    /// Reads only, from the broker and from one snapshot of the database.
    /// - Throws: ``EventLogError``, ``StoreError``.
    public func status() async throws -> Status {
        let stream = try await log.state()
        let settings = options.consumers.values.sorted { $0.name < $1.name }
        var durables: [ConsumerName: LogConsumerState] = [:]
        for consumer in settings {
            durables[consumer.name] = try await log.consumerState(options.durableName(of: consumer.name))
        }
        let known = durables
        return try await store.read { reader in
            let now = try reader.now()
            return Status(
                stream: stream,
                consumers: try settings.map { consumer in
                    let summary = try reader.summary(
                        consumer.name, stuckBefore: now.advanced(by: .zero - consumer.gapLimit))
                    let durable = known[consumer.name]
                    return ConsumerStatus(
                        name: consumer.name, durable: durable,
                        lag: durable.map { $0.pending + UInt64(max(0, $0.acknowledgementPending)) } ?? stream.messages,
                        summary: summary,
                        oldestParkedAge: summary.oldestParkedAt.map { max(.zero, now.since($0)) })
                },
                outbox: try reader.outboxSummary(), readAt: now)
        }
    }
}

extension EventBus {
    /// The most messages of one subject that ``explain(_:)`` reads in search of a version.
    static let explainedHistoryLimit = 10_000

    /// One aggregate's story. Reads only.
    /// - Throws: ``EventLogError``, ``StoreError``.
    public func explain(_ aggregate: Aggregate) async throws -> Explanation {
        let stream = try await streamPart(of: aggregate)
        let settings = options.consumers.values.filter { $0.aggregates?.contains(aggregate.type) ?? true }
            .sorted { $0.name < $1.name }
        let found = try await store.read { reader in
            (
                rows: try settings.map { consumer in
                    ConsumerRows(
                        name: consumer.name, watermark: try reader.watermark(consumer.name, of: aggregate),
                        parked: try reader.parkedRows(consumer.name, of: aggregate, limit: 1000)
                            .sorted { $0.version < $1.version },
                        deadLetters: try reader.deadLetters(consumer.name, of: aggregate, limit: 100))
                },
                outbox: try reader.outboxRows(of: aggregate, limit: 1000), head: try reader.head(of: aggregate),
                now: try reader.now()
            )
        }
        let places = try await places(of: found.rows.compactMap(\.missing), of: aggregate, in: stream)
        var consumers: [Explanation.ConsumerPart] = []
        for rows in found.rows {
            let durable = try await log.consumerState(options.durableName(of: rows.name))
            consumers.append(
                Explanation.ConsumerPart(
                    name: rows.name, watermark: rows.watermark, parked: rows.parked, deadLetters: rows.deadLetters,
                    next: rows.missing.flatMap { places[$0] }, acknowledgedFloor: durable?.acknowledgedFloor))
        }
        return Explanation(
            aggregate: aggregate, stream: stream, consumers: consumers, outbox: found.outbox, head: found.head,
            readAt: found.now)
    }

    private struct ConsumerRows: Sendable {
        let name: ConsumerName
        let watermark: Watermark?
        let parked: [ParkedEvent]
        let deadLetters: [DeadLetter]

        /// The version after the watermark.
        var missing: AggregateVersion? { (watermark?.version ?? .none).next }
    }

    private func streamPart(of aggregate: Aggregate) async throws -> Explanation.StreamPart {
        let position = try await Appender(log: log, store: nil, staging: staging).position(of: aggregate)
        var last: LoggedMessage?
        if position.last > .none { last = try await log.message(at: position.last, from: .leader) }
        return Explanation.StreamPart(
            lastVersion: position.version, lastSequence: position.last,
            // A malformed last message has no type.
            lastType: last.flatMap { try? staging.codec.decode($0.message).type }, lastStoredAt: last?.storedAt)
    }

    /// Where the stream has each of `versions`, of several messages the first.
    private func places(
        of versions: [AggregateVersion], of aggregate: Aggregate, in stream: Explanation.StreamPart
    ) async throws -> [AggregateVersion: StreamSequence] {
        var wanted = Set(versions.filter { $0 <= stream.lastVersion })
        var places: [AggregateVersion: StreamSequence] = [:]
        let subject = staging.codec.mapping.subject(of: aggregate)
        var position = StreamSequence(1)
        for _ in 0..<Self.explainedHistoryLimit where !wanted.isEmpty {
            guard let message = try await log.firstMessage(on: subject, from: position, source: .leader) else { break }
            position = StreamSequence(message.sequence.number + 1)
            // A malformed message is no version.
            guard let version = try? staging.codec.decode(message.message).version else { continue }
            if wanted.remove(version) != nil { places[version] = message.sequence }
        }
        return places
    }
}
