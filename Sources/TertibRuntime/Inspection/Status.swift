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
