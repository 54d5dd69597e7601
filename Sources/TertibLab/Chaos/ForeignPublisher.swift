import Synchronization
import TertibRuntime
import TertibCore

/// Publishes as a foreign service might: no expectations, no message ids, versions in disorder, and some twice.
final class ForeignPublisher: Sendable {
    private let tertib: EventBus
    private let plan: ChaosPlan
    private let options: ChaosOptions
    private let brokerPort: Int
    private let codec: WireCodec
    private let counts = Mutex(Counts())

    /// What has been published.
    struct Counts: Hashable, Sendable {
        var messages = 0
        var duplicates = 0
        var poisonedAggregates = 0
        var forks = 0
    }

    /// Publishing waits while more than this is to be delivered, acknowledged or drained: on a slow machine there are
    /// fewer events, and the end of the faults is not the beginning of a long way.
    private static let mostLag = 4000

    init(tertib: EventBus, plan: ChaosPlan, options: ChaosOptions, brokerPort: Int) {
        self.tertib = tertib
        self.plan = plan
        self.options = options
        self.brokerPort = brokerPort
        codec = WireCodec(namespace: tertib.options.namespace)
    }

    /// What has been published so far.
    var published: Counts { counts.withLock { $0 } }

    /// Publishes evenly over the length of the run, and when the replicas are slower as much as they follow.
    func run() async throws {
        var load = ForeignLoad(seed: options.seed, total: plan.foreign)
        let start = ContinuousClock.now
        var publisher = PlainPublisher(to: brokerPort)
        let end = start + options.length
        while ContinuousClock.now < end, let block = load.next() {
            try await publisher.store(try block.map { try codec.encode($0) })
            let (poisoned, forked) = (load.poisoned, load.forked)
            counts.withLock { counts in
                counts.messages += block.count
                counts.duplicates += block.count { $0.isDuplicate }
                counts.poisonedAggregates = poisoned
                counts.forks = forked
            }
            try await Task.sleep(until: start + options.length * (Double(load.drawn) / Double(max(1, plan.foreign))))
            try await waitForRoom(until: end)
        }
    }

    private static func parked(_ reader: any StoreReader) throws -> Int {
        Int(
            try reader.query("SELECT COUNT(*) AS number FROM tertib_parked", arguments: []).first?.number("number") ?? 0
        )
    }

    private func waitForRoom(until end: ContinuousClock.Instant) async throws {
        while ContinuousClock.now < end {
            // A broker or a database that is away is back soon; a broker that is away keeps storing waiting.
            guard let state = try? await tertib.log.consumerState(LabNames.durable) else { return }
            let parked = (try? await tertib.store.read { try Self.parked($0) }) ?? 0
            guard Int(state.pending) + state.acknowledgementPending + parked > Self.mostLag else { return }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}

extension WireCodec {
    /// A message of the foreign publisher's.
    func encode(_ message: ForeignLoad.Message) throws -> WireMessage {
        guard let version = AggregateVersion(message.version) else {
            preconditionFailure("versions are counted from 1")
        }
        return encode(
            Envelope(
                id: try EventID(message.eventID), source: try EventSource("/foreign"),
                type: try EventType(Moved.eventType), aggregate: try Aggregate(lab: message.type, message.id),
                version: version, body: try message.payload.json))
    }
}
