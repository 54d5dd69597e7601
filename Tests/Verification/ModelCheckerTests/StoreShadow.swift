import Foundation
import Synchronization
import TertibCore
import TertibRuntime
import TertibTesting
import Testing

@testable import ModelChecker

/// A ``MemoryStore`` that gets, call by call, what the model of a database gets.
///
/// `@unchecked Sendable`: the test waits for each call before it makes the next, so only one thread uses it at a time.
final class StoreShadow: @unchecked Sendable {
    /// What one transaction has read and parked.
    private struct Memory {
        var read: [Aggregate: Watermark] = [:]
        /// Rows that the last call has parked, and that the model has not written yet.
        var parked: Set<ParkedEvent> = []
    }

    private let world: ConsumerWorld
    private let store: MemoryStore
    private var sessions: [Int: ShadowSession] = [:]
    private var memories: [Int: Memory] = [:]
    private let watch: Task<Void, Never>

    private static let insertEffect = "insert an effect"

    private var fixtures: Fixtures { world.fixtures }
    private var tables: ConsumerTables { world.tables }
    private var consumer: ConsumerName { world.fixtures.consumer }

    init(_ world: ConsumerWorld) {
        self.world = world
        let columns = ["aggregate", "version", "message"]
        store = MemoryStore(
            isolation: world.setup.isolation == .oneWriter ? .serial : .readCommitted,
            statements: [Self.insertEffect: .insert(into: "effects", columns: columns, key: Array(columns.prefix(2)))],
            time: ManualTime(wall: Fixtures.now))
        // Unstructured: it lives as long as the shadow. The model never lets a call wait, so a store that does is wrong,
        // and would wait for ever: it is crashed, and the call fails.
        watch = Task { [store] in
            while !Task.isCancelled {
                let seen = store.changes.count
                if store.waitingTransactions > 0 { return store.crash() }
                await store.changes.change(after: seen)
            }
        }
    }

    func begin(_ thread: Int) {
        sessions[thread] = ShadowSession(store)
        memories[thread] = Memory()
    }

    func end(_ thread: Int, commits: Bool) async throws {
        try await sessions.removeValue(forKey: thread)?.end(commits: commits)
    }

    func isRunning(_ thread: Int) -> Bool { sessions[thread] != nil }

    /// Ends what a failed test has left open.
    func close() async throws {
        watch.cancel()
        for thread in sessions.keys.sorted() { try await end(thread, commits: false) }
    }

    /// What the memory store says to a call.
    func answer(to call: StoreCall, of thread: Int) async throws -> StoreAnswer {
        try await #require(sessions[thread]).run { [self] transaction in try perform(call, thread, on: transaction) }
    }

    /// Does what the transaction has written since its last call.
    func write(_ writes: ArraySlice<StoreWrite>, after call: StoreCall, of thread: Int) async throws {
        _ = try await #require(sessions[thread]).run { [self] transaction in
            for write in writes { try perform(write, after: call, thread, on: transaction) }
            return .done
        }
    }

    private func perform(
        _ write: StoreWrite, after call: StoreCall, _ thread: Int, on transaction: any StoreTransaction
    ) throws {
        switch (write, call) {
        // What the call itself has done is not done again.
        case (.effect, _), (.deleteParked, _): return
        case (.row(let aggregate, let row), _):
            let aggregateName = fixtures.aggregates[aggregate]
            let claimed = memories[thread]?.read[aggregateName] ?? Watermark(aggregate: aggregateName)
            if case .claim = call, row == tables.number(of: claimed) { return }
            try transaction.write(consumer, [try #require(tables.watermarks[row])])
        case (.park(_, let number), _):
            let row = try #require(tables.parked[number])
            if case .park = call, memories[thread]?.parked.remove(row) != nil { return }
            try transaction.replaceParked(consumer, row)
        case (.deadLetter(let message, let mark), _):
            let envelope = fixtures.envelopes[message]
            try transaction.saveDeadLetter(
                consumer,
                DeadLetter(
                    id: "\(message)", aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id,
                    streamCreatedAt: Fixtures.now, streamSequence: Fixtures.sequence(message),
                    message: WireMessage(subject: ""), reason: mark.reason, error: "", attempts: mark.attempts,
                    failedAt: Fixtures.now))
        }
    }

    private func named(_ mask: UInt8) -> [Aggregate] { mask.members.map { fixtures.aggregates[$0] } }

    private func perform(
        _ call: StoreCall, _ thread: Int, on transaction: any StoreTransaction
    ) throws -> StoreAnswer {
        var answer = StoreAnswer.done
        switch call {
        case .watermarks(let mask):
            let read = try transaction.watermarks(consumer, of: named(mask))
            memories[thread]?.read = read
            for (aggregate, row) in read { answer[fixtures.index(of: aggregate)] = tables.number(of: row) }
        case .claim(let mask, _):
            let expected = named(mask).map { memories[thread]?.read[$0] ?? Watermark(aggregate: $0) }
            answer[0] = UInt16(fixtures.mask(of: try transaction.claim(consumer, expected).keys))
        case .openDeadLetters(let mask):
            for key in try transaction.openDeadLetters(consumer, of: named(mask)) {
                let message = Fixtures.message(at: key.streamSequence)
                answer[message / 16] |= 1 << UInt16(message % 16)
                if key.reason == .failed { answer[2 + message / 16] |= 1 << UInt16(message % 16) }
            }
        case .parked(let aggregate, let version):
            let rows = try transaction.parked(
                consumer, of: fixtures.aggregates[aggregate], from: Fixtures.version(version), limit: 128)
            for row in rows { answer[Int(row.version.number) - 1] = tables.number(of: row) }
        case .effect(let message):
            let values = [world.setup.messages[message].aggregate, world.setup.messages[message].version, message]
            try transaction.execute(Self.insertEffect, arguments: values.map { .integer(Int64($0)) })
        case .park(let rows):
            let there = try transaction.park(consumer, rows)
            for (position, row) in rows.enumerated() {
                if let known = there.first(where: { $0.aggregate == row.aggregate && $0.version == row.version }) {
                    answer[position] = tables.number(of: known)
                } else {
                    memories[thread]?.parked.insert(row)
                }
            }
        case .deleteParked(let aggregate, let version):
            answer[0] = UInt16(
                try transaction.deleteParked(
                    consumer, of: fixtures.aggregates[aggregate], through: Fixtures.version(version)))
        case .parkedCount: answer[0] = UInt16(try transaction.parkedCount(consumer))
        case .leftoverDrains:
            answer[0] = UInt16(fixtures.mask(of: try transaction.leftoverDrains(consumer, limit: 64)))
        case .dueRetries:
            let due = try transaction.dueRetries(consumer, now: Fixtures.now, maxDelay: .seconds(60), limit: 64)
            answer[0] = UInt16(fixtures.mask(of: due))
        case .gaps:
            let limit = Fixtures.now.advanced(by: .seconds(1))
            for gap in try transaction.gaps(consumer, parkedBefore: limit, limit: 64) {
                let index = fixtures.index(of: gap.aggregate)
                let row = try #require(try transaction.watermarks(consumer, of: [gap.aggregate])[gap.aggregate])
                let parked = try transaction.parked(consumer, of: gap.aggregate, from: gap.lowestParked, limit: 1)
                #expect(row.version == gap.watermark && parked.first?.version == gap.lowestParked)
                answer[2 * index] = tables.number(of: row)
                answer[2 * index + 1] = tables.number(of: try #require(parked.first))
            }
        case .outcome, .end: break
        }
        return answer
    }
}

/// One transaction of the memory store that waits, on its own thread, for its next call.
private final class ShadowSession: Sendable {
    typealias Command = @Sendable (any StoreTransaction) throws -> StoreAnswer

    private enum Order: Sendable {
        case run(Command, CheckedContinuation<StoreAnswer, any Error>)
        case commit
        case rollBack
    }

    private struct RolledBack: Error {}

    private let orders: OrderQueue<Order>
    private let transaction: Task<Void, any Error>

    init(_ store: MemoryStore) {
        let orders = OrderQueue<Order>()
        self.orders = orders
        // Unstructured: the transaction lives from one step of the test to another; `end(commits:)` waits for it.
        transaction = Task {
            try await store.transaction { transaction in
                while true {
                    switch orders.take() {
                    case .run(let command, let caller):
                        caller.resume(with: Result { try command(transaction) })
                    case .commit: return
                    case .rollBack: throw RolledBack()
                    }
                }
            }
        }
    }

    func run(_ command: @escaping Command) async throws -> StoreAnswer {
        try await withCheckedThrowingContinuation { orders.put(.run(command, $0)) }
    }

    func end(commits: Bool) async throws {
        orders.put(commits ? .commit : .rollBack)
        do {
            try await transaction.value
        } catch is RolledBack {
            return
        }
    }
}

/// Hands orders to a thread that blocks until there is one.
///
/// `@unchecked Sendable`: the list is touched under the condition only.
private final class OrderQueue<Order: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var orders: [Order] = []

    func put(_ order: Order) {
        condition.withLock {
            orders.append(order)
            condition.signal()
        }
    }

    func take() -> Order {
        condition.withLock {
            while orders.isEmpty { condition.wait() }
            return orders.removeFirst()
        }
    }
}
