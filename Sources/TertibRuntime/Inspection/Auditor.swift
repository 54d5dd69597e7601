import TertibCore

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

    /// Audits. Services that share a stream share one reading of it.
    /// - Parameter progress: Called often, from the calling task.
    /// - Throws: ``EventLogError``, ``StoreError``.
    public func run(progress: (Progress) -> Void = { _ in }) async throws -> Audit {
        var ledgers: [StreamIdentity: StreamLedger] = [:]
        for service in services {
            let accounts = try await Self.accounts(of: service)
            let state = try await service.log.state()
            let identity = StreamIdentity(
                name: state.name, createdAt: state.createdAt, namespace: service.options.namespace)
            ledgers[identity, default: StreamLedger(reader: service, state: state)].accounts += accounts
            ledgers[identity]?.state = state
        }
        let total = ledgers.values.reduce(0) { $0 + $1.sequences }
        var audit = Audit()
        var before: UInt64 = 0
        for (_, var ledger) in ledgers.sorted(by: { $0.key.name < $1.key.name }) {
            try await ledger.read(readsInFlight: readsInFlight) { done in
                progress(Progress(done: before + done, total: total))
            }
            before += ledger.sequences
            ledger.close(into: &audit)
        }
        audit.sort()
        return audit
    }

    /// The accounts of a service's consumers: each one's floor first, its watermarks afterwards.
    private static func accounts(of service: EventBus) async throws -> [ConsumerAccount] {
        var accounts: [ConsumerAccount] = []
        for consumer in service.options.consumers.values {
            let durable = try await service.log.consumerState(service.options.durableName(of: consumer.name))
            var account = ConsumerAccount(
                service: service.options.service, settings: consumer, durableFloor: durable?.acknowledgedFloor)
            var last: Aggregate?
            repeat {
                let after = last
                let page = try await service.store.read { reader in
                    (
                        try reader.watermarks(consumer.name, after: after, limit: 5000),
                        try reader.consumers()[consumer.name]
                    )
                }
                account.registration = page.1
                for watermark in page.0 where account.consumes(watermark.aggregate.type) {
                    account.facts[watermark.aggregate] = AuditFacts(watermark: watermark)
                }
                last = page.0.last?.aggregate
            } while last != nil
            accounts.append(account)
        }
        return accounts
    }
}

/// One stream, whichever service reads it.
private struct StreamIdentity: Hashable {
    let name: StreamName
    let createdAt: Timestamp
    let namespace: Namespace
}

/// A stream, and the accounts of all the consumers that follow it.
private struct StreamLedger {
    let reader: EventBus
    var state: StreamState
    var accounts: [ConsumerAccount] = []
    private var events = 0

    init(reader: EventBus, state: StreamState) {
        self.reader = reader
        self.state = state
    }

    var sequences: UInt64 {
        state.lastSequence < state.firstSequence ? 0 : state.lastSequence.number - state.firstSequence.number + 1
    }

    mutating func read(readsInFlight: Int, progress: (UInt64) -> Void) async throws {
        let sweep = StreamSweep(
            log: reader.log, codec: WireCodec(namespace: reader.options.namespace), time: reader.context.time,
            readsInFlight: readsInFlight)
        var open = accounts
        var count = 0
        try await sweep.read(from: state.firstSequence, through: state.lastSequence, progress: progress) { sightings in
            count += sightings.count
            for sighting in sightings {
                for index in open.indices { open[index].note(sighting) }
            }
        }
        accounts = open
        events = count
        try await lookUpVanished()
    }

    /// Asks the leader what stands where watermarks above the stream's versions point: nothing, where messages were
    /// removed, and another message, where the stream has lost its tail and used its sequences again.
    private mutating func lookUpVanished() async throws {
        for index in accounts.indices {
            for aggregate in accounts[index].vanished(state) {
                guard let sequence = accounts[index].facts[aggregate]?.watermark?.streamSequence else { continue }
                let message = try await reader.log.message(at: sequence, from: .leader)
                accounts[index].facts[aggregate]?.isOccupied = message != nil
            }
        }
    }

    func close(into audit: inout Audit) {
        var seen: Set<Aggregate> = []
        for account in accounts {
            account.close(state, into: &audit)
            for (aggregate, facts) in account.facts where facts.highest > .none { seen.insert(aggregate) }
        }
        audit.aggregates += seen.count
        audit.events += events
    }
}

/// What one consumer has, and what the stream says about it.
struct ConsumerAccount {
    let service: ServiceName
    let settings: ConsumerSettings
    /// The floor that the broker told before the watermarks were read; `nil` when it has no such durable.
    let durableFloor: StreamSequence?
    var registration: ConsumerRegistration?
    var facts: [Aggregate: AuditFacts] = [:]

    init(service: ServiceName, settings: ConsumerSettings, durableFloor: StreamSequence?) {
        self.service = service
        self.settings = settings
        self.durableFloor = durableFloor
    }

    func consumes(_ type: AggregateType) -> Bool { settings.aggregates?.contains(type) ?? true }

    mutating func note(_ sighting: StreamSweep.Sighting) {
        guard consumes(sighting.aggregate.type) else { return }
        facts[sighting.aggregate, default: AuditFacts()].note(
            version: sighting.version, id: sighting.id, at: sighting.sequence)
    }

    /// Aggregates whose watermark's event was not met in the stream, although the stream is longer.
    func vanished(_ state: StreamState) -> [Aggregate] {
        facts.compactMap { aggregate, facts in
            guard let watermark = facts.watermark, watermark.version > facts.highest, !facts.isOccupied,
                watermark.streamSequence >= state.firstSequence, watermark.streamSequence <= state.lastSequence
            else { return nil }
            return aggregate
        }
    }

    /// Judges every aggregate.
    func close(_ state: StreamState, into audit: inout Audit) {
        let position = AuditedPosition(
            floor: floor(state), first: state.firstSequence, last: state.lastSequence,
            isSameStream: registration?.streamCreatedAt == state.createdAt)
        for (aggregate, facts) in facts {
            let entry = Audit.Entry(
                aggregate: aggregate, service: service, consumer: settings.name,
                version: facts.watermark?.version ?? .none, streamVersion: facts.highest)
            switch facts.verdict(position) {
            case .level: break
            case .lagging: audit.lagging += 1
            case .behind: audit.behind.append(entry)
            case .gapped: audit.gapped.append(entry)
            case .ahead: audit.ahead.append(entry)
            case .forked: audit.forked.append(entry)
            case .missing: audit.missing.append(entry)
            }
        }
    }

    /// A consumer that has run and whose durable is gone has nothing to come; one that never ran, everything.
    private func floor(_ state: StreamState) -> StreamSequence {
        durableFloor ?? (registration == nil ? .none : state.lastSequence)
    }
}

extension Audit {
    /// Puts the entries in the order of service, consumer and aggregate.
    mutating func sort() {
        func sorted(_ entries: [Entry]) -> [Entry] {
            entries.sorted {
                if $0.service != $1.service { return $0.service < $1.service }
                return $0.consumer == $1.consumer ? $0.aggregate < $1.aggregate : $0.consumer < $1.consumer
            }
        }
        behind = sorted(behind)
        gapped = sorted(gapped)
        ahead = sorted(ahead)
        forked = sorted(forked)
        missing = sorted(missing)
    }
}
