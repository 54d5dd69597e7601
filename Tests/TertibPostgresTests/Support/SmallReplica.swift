import Synchronization
import TertibRuntime
import TertibCore
import TertibTesting

/// The consumer's algorithm for one aggregate in its smallest form: read, claim, apply and drain or park, commit.
final class SmallReplica: Sendable {
    /// The steps, and the commit.
    static let stepCount = 4

    private struct State {
        var read: Watermark?
        var won: Watermark?
        var isLost = false
    }

    let held: [Int64]
    private let aggregate: Aggregate
    private let state = Mutex(State())

    init(_ aggregate: Aggregate, holding versions: [Int64]) {
        self.aggregate = aggregate
        held = versions
    }

    var steps: [SteppedSession.Step] { [read, claim, apply] }

    @Sendable private func read(_ transaction: any StoreTransaction) throws {
        let found = try transaction.watermarks(try consumer(), of: [aggregate])[aggregate]
        state.withLock { $0.read = found ?? Watermark(aggregate: aggregate) }
    }

    @Sendable private func claim(_ transaction: any StoreTransaction) throws {
        guard let read = state.withLock({ $0.read }) else { return }
        let won = try transaction.claim(try consumer(), [read])[aggregate]
        state.withLock { $0.won = won }
    }

    @Sendable private func apply(_ transaction: any StoreTransaction) throws {
        guard var watermark = state.withLock({ $0.won }) else { return }
        let consumer = try consumer()
        let parked = try transaction.parked(consumer, of: aggregate, from: .first, limit: 100).map(\.version.number)
        let waiting = Set(parked + held).sorted()
        for version in waiting where version == watermark.version.number + 1 {
            try transaction.execute(
                "INSERT INTO effect VALUES (?, ?)", arguments: [.text(aggregate.id.text), .integer(version)])
            watermark.version = try Sample.version(version)
        }
        let later = try held.filter { $0 > watermark.version.number }.map { try Sample.parked(aggregate, $0) }
        _ = try transaction.park(consumer, later)
        _ = try transaction.deleteParked(consumer, of: aggregate, through: watermark.version)
        watermark.parked = waiting.count { $0 > watermark.version.number }
        watermark.status = watermark.parked > 0 ? .gap : .ok
        try transaction.write(consumer, [watermark])
    }

    private func consumer() throws -> ConsumerName { try ConsumerName("orders") }
}

/// The steps in which a service stages the next version of an aggregate.
struct Stage: Sendable {
    private let aggregate: Aggregate
    private let read = Recorded<AggregateHead?>()

    init(_ aggregate: Aggregate) {
        self.aggregate = aggregate
    }

    /// Read, move the head, add the row.
    var steps: [SteppedSession.Step] {
        [
            { read.add(try $0.head(of: aggregate)) },
            { transaction in
                let old = read.all.first.flatMap { $0 }
                var head = old ?? AggregateHead(aggregate: aggregate)
                head.version = try Sample.version(head.version.number + 1)
                head.eventID = try EventID("event-\(head.version)")
                guard try transaction.compareAndSetHead(old, to: head) else { throw Refusal() }
            },
            { transaction in
                let version = (read.all.first.flatMap { $0 }?.version.number ?? 0) + 1
                try transaction.insertOutbox(
                    OutboxRow(
                        aggregate: aggregate, version: try Sample.version(version),
                        eventID: try EventID("event-\(version)"), stored: Array("\(version)".utf8),
                        stagedAt: try transaction.now()))
            },
        ]
    }

    /// All steps at once.
    func all(_ transaction: any StoreTransaction) throws {
        for step in steps { try step(transaction) }
    }
}
