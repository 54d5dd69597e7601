import Synchronization
import TertibRuntime
import TertibCore

/// Publishes histories that everybody has applied, removes them from the stream, and publishes their continuations.
///
/// Every second one is removed by a purge of its subject, the others message by message; all of them so on an older
/// server, see ``Broker/purgesSafely(_:)``.
final class HistoryTrimmer: Sendable {
    private let tertib: EventBus
    private let length: Duration
    private let brokerPort: Int
    private let purges: Bool
    private let codec: WireCodec
    private let state = Mutex(State())

    private struct State {
        var removed: [(aggregate: Aggregate, entry: StreamFacts.Entry)] = []
        var trimmed = 0
        var purged = 0
    }

    /// So many histories in a run.
    private static let histories = 4
    /// How long a history is before it is removed, and how long in the end.
    private static let (before, after) = (Int64(8), Int64(12))
    /// A history that is not applied within this stays as it is.
    private static let patience: Duration = .seconds(30)
    /// How much of every second history is left: as a limit of messages a subject would leave it.
    private static let kept: Int64 = 2

    /// - Parameter purges: whether a purge of one subject leaves the consumers where they are.
    init(tertib: EventBus, length: Duration, brokerPort: Int, purges: Bool) {
        self.tertib = tertib
        self.length = length
        self.brokerPort = brokerPort
        self.purges = purges
        codec = WireCodec(namespace: tertib.options.namespace)
    }

    /// What the stream had, and may have no more.
    var removed: [(aggregate: Aggregate, entry: StreamFacts.Entry)] { state.withLock(\.removed) }
    /// How many histories were removed.
    var trimmed: Int { state.withLock(\.trimmed) }
    /// Of these: by a purge of their subject.
    var purged: Int { state.withLock(\.purged) }

    /// Plays them, evenly over the length of the run.
    func run() async throws {
        var publisher = PlainPublisher(to: brokerPort)
        let start = ContinuousClock.now
        for number in 1...Self.histories {
            try await Task.sleep(until: start + length * (Double(number) - 0.8) / Double(Self.histories))
            let messages = (1...Self.after).map { version in
                ForeignLoad.Message(
                    type: ForeignLoad.trimmedType, id: "\(number)", version: version,
                    payload: Moved(amount: number * 100 + Int(version)), isDuplicate: false)
            }
            let (old, new) = (messages.prefix(Int(Self.before)), messages.dropFirst(Int(Self.before)))
            try await publisher.store(old.map { try codec.encode($0) })
            // Left as it is, an event that was lost is for the oracle of rest to tell of.
            guard try await isApplied(number) else { continue }
            let removed = try old.map { try entry($0) }
            let (kept, isPurged) = (number.isMultiple(of: 2) ? Self.kept : 0, purges && number > Self.histories / 2)
            state.withLock { state in
                state.removed += removed
                state.trimmed += 1
                state.purged += isPurged ? 1 : 0
            }
            if isPurged { try await publisher.purge(LabNames.stream, try codec.encode(old[0]).subject, keeping: kept) }
            // Of what a purge was to remove nothing is left, unless its answer was lost, or there were copies.
            try await remove(Self.before - kept, of: old[0], &publisher)
            try await publisher.store(new.map { try codec.encode($0) })
        }
    }

    /// Deletes the messages of a subject up to a version.
    private func remove(
        _ last: Int64, of message: ForeignLoad.Message, _ publisher: inout PlainPublisher
    ) async throws {
        let subject = try codec.encode(message).subject
        while true {
            do {
                guard
                    let found = try await tertib.log.firstMessage(
                        on: subject, from: StreamSequence(1), source: .leader),
                    try codec.decode(found.message).version.number <= last
                else { return }
                try await publisher.delete(LabNames.stream, found.sequence.number)
            } catch let error as EventLogError where error.isRetriable {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Waits until a history is applied; `false` when that takes too long.
    private func isApplied(_ number: Int) async throws -> Bool {
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline {
            // While the database is away it says nothing; the faults end, and then it does.
            let rows = try? await tertib.store.read { reader in
                try reader.query(
                    "SELECT version FROM tertib_watermark WHERE consumer = ? AND aggregate_type = ? "
                        + "AND aggregate_id = ?",
                    arguments: [
                        .text(LabNames.consumer), .text(ForeignLoad.trimmedType), .text("\(number)"),
                    ])
            }
            if let version = rows?.first?.number("version"), version >= Self.before { return true }
            try await Task.sleep(for: .milliseconds(100))
        }
        return false
    }

    private func entry(
        _ message: ForeignLoad.Message
    ) throws -> (aggregate: Aggregate, entry: StreamFacts.Entry) {
        (
            try Aggregate(lab: message.type, message.id),
            StreamFacts.Entry(
                version: message.version, eventID: Digest.of(message.eventID.utf8),
                content: Digest.of(try message.payload.json), sequence: 0, amount: message.payload.amount,
                number: message.payload.number)
        )
    }
}
