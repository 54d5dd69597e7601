import Synchronization
import TertibRuntime
import TertibCore
import TestServers

/// What publishes while servers fail: four aggregates through the outbox, four straight into the stream, each with one
/// writer, which tries again until it is told that the event is safe.
final class ClusterLoad: Sendable {
    private struct State {
        var published: [Published] = []
        var isOver = false
    }

    static let aggregatesOfAKind = 4
    /// A writer waits for the consumer whenever it is so many events ahead, so that the copies keep up.
    private static let stride: Int64 = 25

    /// The ways of publishing that the servers allow.
    let kinds: [Kind]
    private let writer: EventBus
    private let reader: EventBus
    private let state = Mutex(State())

    init(_ kinds: [Kind], writer: EventBus, reader: EventBus) {
        (self.kinds, self.writer, self.reader) = (kinds, writer, reader)
    }

    /// Everything that was promised, in no order between aggregates.
    var published: [Published] { state.withLock { $0.published } }

    /// Lets the writers finish the event in hand.
    func end() { state.withLock { $0.isOver = true } }

    private var isOver: Bool { state.withLock { $0.isOver } }

    /// Publishes until ``end()``.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for kind in kinds {
                for number in 0..<Self.aggregatesOfAKind {
                    group.addTask { try await self.write(kind, to: try kind.aggregate(number)) }
                }
            }
            do {
                for try await _ in group {}
            } catch {
                end()
                throw error
            }
        }
    }

    private func write(_ kind: Kind, to aggregate: Aggregate) async throws {
        var version = AggregateVersion.none
        while !isOver, let next = version.next {
            let amount = next.number * 7 % 1000
            let published =
                switch kind {
                case .staged: try await stage(amount, aggregate, after: version)
                case .appended: try await append(amount, aggregate, after: version)
                }
            guard published.version == next else { throw TestServerError("\(published) instead of version \(next)") }
            state.withLock { $0.published.append(published) }
            version = next
            guard version.number.isMultiple(of: Self.stride) else { continue }
            try await reader.wait(
                for: VersionToken(aggregate: aggregate, version: version), consumer: ClusterService.consumer,
                timeout: .seconds(120))
        }
    }

    private func stage(
        _ amount: Int64, _ aggregate: Aggregate, after version: AggregateVersion
    ) async throws -> Published {
        let staged = try await writer.transaction { transaction in
            try transaction.stage(Moved(amount: amount), for: aggregate, expecting: version)
        }
        return Published(aggregate: aggregate, version: staged, amount: amount)
    }

    /// Appends with the same id and expectation until the outcome is known. This is the only writer of the aggregate: a
    /// conflict means that the stream has lost what it acknowledged, or does not know its own event again.
    private func append(
        _ amount: Int64, _ aggregate: Aggregate, after version: AggregateVersion
    ) async throws -> Published {
        let event = try NewEvent(Moved(amount: amount), id: try EventID("\(aggregate)@\(version)"))
        var receipt: PublishReceipt?
        var last: (any Error)?
        do {
            try await waitUntil("the broker to take an event", within: .seconds(120)) {
                do {
                    receipt = try await writer.append([event], to: aggregate, expecting: version).first
                    return true
                } catch let error as EventLogError where error.isRetriable {
                    last = error
                    return false
                } catch let error as PublishingError where error.isRetriable {
                    last = error
                    return false
                }
            }
        } catch {
            throw TestServerError("\(aggregate) after \(version): \(error), before that: \(String(describing: last))")
        }
        guard let receipt else { throw TestServerError("an append without a receipt") }
        return Published(aggregate: aggregate, version: receipt.version, amount: amount, receipt: receipt)
    }
}
