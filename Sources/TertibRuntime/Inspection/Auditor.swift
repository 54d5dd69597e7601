public import TertibCore

/// Compares every consumer's watermarks with the stream.
///
/// It reads the whole stream with the rights of a consumer, writes nothing, and may run while the services do: each
/// consumer's acknowledged floor is read before its watermarks, and these before the stream, so that whatever happens
/// meanwhile counts as *lagging* and never as a fault.
public struct Auditor: Sendable {
    /// The services whose consumers are audited.
    public let services: [EventBus]
    /// How many reads of the stream are in flight.
    public let readsInFlight: Int

    /// How far an audit is.
    public struct Progress: Hashable, Sendable {
        /// Stream sequences done.
        public let done: UInt64
        /// Stream sequences in all.
        public let total: UInt64
    }

    /// Prepares an audit. Nothing is read yet.
    public init(services: [EventBus], readsInFlight: Int = 256) {
        self.services = services
        self.readsInFlight = readsInFlight
    }

    /// One stream, whichever service reads it.
    private struct StreamIdentity: Hashable {
        let name: StreamName
        let createdAt: Timestamp
        let namespace: Namespace
    }

    /// Audits. Services that share a stream share one reading of it.
    /// - Parameter progress: Called often, from the calling task.
    /// - Throws: ``EventLogError``, ``StoreError``.
    public func run(progress: (Progress) -> Void = { _ in }) async throws -> Audit {
        var streams: [StreamIdentity: (audit: StreamAudit, reader: EventBus)] = [:]
        for service in services {
            let consumers = try await Self.consumers(of: service)
            let state = try await service.log.state()
            let identity = StreamIdentity(
                name: state.name, createdAt: state.createdAt, namespace: service.options.namespace)
            streams[identity, default: (StreamAudit(state), service)].audit.consumers += consumers
            streams[identity]?.audit.state = state
        }
        let total = streams.values.reduce(0) { $0 + $1.audit.sequences }
        var result = Audit()
        var before: UInt64 = 0
        for (_, (var audit, reader)) in streams.sorted(by: { $0.key.name < $1.key.name }) {
            try await read(&audit, by: reader) { progress(Progress(done: before + $0, total: total)) }
            before += audit.sequences
            audit.close(into: &result)
        }
        result.sort()
        return result
    }

    /// A service's consumers: each one's floor first, its watermarks afterwards.
    private static func consumers(of service: EventBus) async throws -> [ConsumerAudit] {
        var audits: [ConsumerAudit] = []
        for consumer in service.options.consumers.values {
            let durable = try await service.log.consumerState(service.options.durableName(of: consumer.name))
            var audit = ConsumerAudit(
                service: service.options.service, consumer: consumer.name, types: consumer.aggregates,
                durableFloor: durable?.acknowledgedFloor)
            var last: Aggregate?
            repeat {
                let after = last
                let (watermarks, registration) = try await service.store.read { reader in
                    (
                        try reader.watermarks(consumer.name, after: after, limit: 5000),
                        try reader.consumers()[consumer.name]
                    )
                }
                audit.streamCreatedAt = registration?.streamCreatedAt
                audit.record(watermarks)
                last = watermarks.last?.aggregate
            } while last != nil
            audits.append(audit)
        }
        return audits
    }

    private func read(_ audit: inout StreamAudit, by reader: EventBus, progress: (UInt64) -> Void) async throws {
        let sweep = StreamSweep(
            log: reader.log, codec: reader.staging.codec, time: reader.context.time, readsInFlight: readsInFlight)
        try await sweep.read(
            from: audit.state.firstSequence, through: audit.state.lastSequence, into: &audit, progress: progress)
        for (consumer, aggregate, sequence) in audit.placesToVerify {
            let message = try await reader.log.message(at: sequence, from: .leader)
            audit.consumers[consumer].record(isOccupied: message != nil, placeOf: aggregate)
        }
    }
}

/// Reads a whole stream with least privilege: message by message, many reads in flight, from any replica. A message that
/// is not there is read from the leader, which also knows where the hole ends.
private struct StreamSweep: Sendable {
    let log: any EventLog
    let codec: WireCodec
    let time: any TimeSource
    /// How many reads are in flight.
    let readsInFlight: Int
    /// How many sequences one task reads, one after the other.
    static let rangeLength: UInt64 = 64
    /// How often a read is tried.
    static let attempts = 5

    private struct SequenceRange: Sendable {
        var length: UInt64
        var events: [ObservedEvent] = []
    }

    /// Reads every message from `first` to `last`, and records the well-formed events, in no order.
    /// - Parameter progress: Called with the number of sequences that are done.
    func read(
        from first: StreamSequence, through last: StreamSequence, into audit: inout StreamAudit,
        progress: (UInt64) -> Void
    ) async throws {
        guard first <= last else { return }
        try await withThrowingTaskGroup(of: SequenceRange.self) { group in
            var start = max(1, first.number)
            var done: UInt64 = 0
            func addNext() {
                guard start <= last.number else { return }
                let end = last.number - start < Self.rangeLength ? last.number : start + Self.rangeLength - 1
                let range = start...end
                start = end + 1
                group.addTask { try await read(range) }
            }
            for _ in 0..<max(1, readsInFlight) { addNext() }
            while let range = try await group.next() {
                done += range.length
                audit.record(range.events)
                progress(done)
                addNext()
            }
        }
    }

    private func read(_ range: ClosedRange<UInt64>) async throws -> SequenceRange {
        var found = SequenceRange(length: UInt64(range.count))
        var position = range.lowerBound
        while position <= range.upperBound, let message = try await message(from: StreamSequence(position)),
            message.sequence.number <= range.upperBound
        {
            position = message.sequence.number + 1
            // A malformed message has no version to compare with.
            guard let envelope = try? codec.decode(message.message) else { continue }
            found.events.append(ObservedEvent(envelope, at: message.sequence))
        }
        return found
    }

    /// The message at a sequence, or the next one behind a hole.
    private func message(from sequence: StreamSequence) async throws -> LoggedMessage? {
        var attempt = 0
        while true {
            do {
                if let message = try await log.message(at: sequence, from: .anyReplica) { return message }
                return try await log.firstMessage(on: codec.mapping.everything, from: sequence, source: .leader)
            } catch {
                attempt += 1
                guard error.isRetriable, attempt < Self.attempts else { throw error }
                try await time.sleep(for: .milliseconds(100) * attempt)
            }
        }
    }
}
