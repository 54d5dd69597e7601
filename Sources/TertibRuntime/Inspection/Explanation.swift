public import TertibCore

/// One aggregate's story: what the stream has, what each consumer did with it, and what waits.
public struct Explanation: Hashable, Sendable {
    /// The aggregate.
    public let aggregate: Aggregate
    /// What the stream has.
    public let stream: StreamAccount
    /// The service's consumers that consume its type, by name.
    public let consumers: [ConsumerPart]
    /// Its events that are staged and not published, by position.
    public let outbox: [OutboxRow]
    /// The last staged or appended version, where this service writes the aggregate.
    public let head: AggregateHead?
    /// When this was read, by the database's clock.
    public let readAt: Timestamp

    /// What the stream has of an aggregate.
    public struct StreamAccount: Hashable, Sendable {
        /// The highest well-formed version; 0 when there is none.
        public let lastVersion: AggregateVersion
        /// The sequence of the last message on the subject, whatever it is; 0 when there is none.
        public let lastSequence: StreamSequence
        /// The type of the last message's event, where it is well-formed.
        public let lastType: EventType?
        /// When the stream stored the last message.
        public let lastStoredAt: Timestamp?
    }

    /// What one consumer has of an aggregate.
    public struct ConsumerPart: Hashable, Sendable {
        /// The consumer.
        public let name: ConsumerName
        /// Its watermark; `nil` when it has none.
        public let watermark: Watermark?
        /// What is parked, by version.
        public let parked: [ParkedEvent]
        /// Open dead letters, newest first.
        public let deadLetters: [DeadLetter]
        /// Where the stream has the next version; `nil` when it has none, or when nothing is missing.
        public let next: StreamSequence?
        /// Everything at or below it was acknowledged; `nil` when the broker has no such durable.
        public let acknowledgedFloor: StreamSequence?
    }
}

extension EventBus {
    /// The most messages of one subject that ``explain(_:)`` reads in search of a version.
    static let explainedHistoryLimit = 10_000

    /// Tells one aggregate's story. Reads only.
    /// - Throws: ``EventLogError``, ``StoreError``.
    public func explain(_ aggregate: Aggregate) async throws -> Explanation {
        let stream = try await account(of: aggregate)
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

    private func account(of aggregate: Aggregate) async throws -> Explanation.StreamAccount {
        let position = try await Appender(log: log, store: nil, staging: staging).position(of: aggregate)
        var last: LoggedMessage?
        if position.last > .none { last = try await log.message(at: position.last, from: .leader) }
        return Explanation.StreamAccount(
            lastVersion: position.version, lastSequence: position.last,
            // A malformed last message has no type to tell.
            lastType: last.flatMap { try? staging.codec.decode($0.message).type }, lastStoredAt: last?.storedAt)
    }

    /// Where the stream has each of `versions`, of several messages the first.
    private func places(
        of versions: [AggregateVersion], of aggregate: Aggregate, in stream: Explanation.StreamAccount
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
