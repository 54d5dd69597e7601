import Foundation
import Synchronization
import TertibRuntime
import TertibCore

@testable import TertibTesting

/// A ``MemoryStore`` that is told call by call what the explorer's model of a store is told.
final class StoreShadow {
    private let vocabulary: ExplorerVocabulary
    private let store: MemoryStore
    private var sessions: [Int: ShadowSession] = [:]
    private let watch: Task<Void, Never>

    static let insertEffect = "insert an effect"

    init(_ vocabulary: ExplorerVocabulary) {
        self.vocabulary = vocabulary
        let columns = ["aggregate", "version", "message"]
        store = MemoryStore(
            isolation: vocabulary.world.isolation == .oneWriter ? .serial : .readCommitted,
            statements: [Self.insertEffect: .insert(into: "effects", columns: columns, key: Array(columns.prefix(2)))],
            time: ManualTime(wall: ExplorerVocabulary.now))
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
    func answer(to call: StoreCall, of thread: Int, _ state: ExplorerState) async throws -> StoreAnswer {
        let vocabulary = vocabulary
        guard let session = sessions[thread] else { throw ConformanceFailure.missing("a transaction") }
        return try await session.run { transaction, memory in
            try Self.perform(call, on: transaction, memory, vocabulary, state)
        }
    }

    /// Does what the body has written since its last call.
    func write(_ writes: ArraySlice<StoreWrite>, after call: StoreCall, of thread: Int) async throws {
        let vocabulary = vocabulary
        guard let session = sessions[thread] else { throw ConformanceFailure.missing("a transaction") }
        _ = try await session.run { transaction, memory in
            for write in writes { try Self.perform(write, after: call, on: transaction, memory, vocabulary) }
            return .done
        }
    }

    private static func perform(
        _ write: StoreWrite, after call: StoreCall, on transaction: any StoreTransaction, _ memory: ShadowMemory,
        _ vocabulary: ExplorerVocabulary
    ) throws {
        let consumer = vocabulary.consumer
        // What the call itself has done is not done again.
        switch (write, call) {
        case (.effect, _), (.deleteParked, _): return
        case (.row(let aggregate, let row), .claim) where row == memory.claimed(vocabulary.aggregates[aggregate]):
            return
        case (.park(let row), .park) where memory.parked.remove(row) != nil: return
        case (.row(let aggregate, let row), _):
            try transaction.write(consumer, [vocabulary.watermark(row, of: aggregate, revision: 1)])
        case (.park(let row), _):
            try transaction.replaceParked(consumer, vocabulary.parkedEvent(row))
        case (.letter(let message, let letter), _):
            let envelope = vocabulary.envelopes[message]
            try transaction.saveDeadLetter(
                consumer,
                DeadLetter(
                    id: "\(message)", aggregate: envelope.aggregate, version: envelope.version, eventID: envelope.id,
                    streamCreatedAt: ExplorerVocabulary.now, streamSequence: ExplorerVocabulary.sequence(message),
                    message: WireMessage(subject: ""), reason: DeadLetterReason.allCases[letter.reason], error: "",
                    attempts: letter.attempts, failedAt: ExplorerVocabulary.now))
        }
    }

    private static func perform(
        _ call: StoreCall, on transaction: any StoreTransaction, _ memory: ShadowMemory,
        _ vocabulary: ExplorerVocabulary, _ state: ExplorerState
    ) throws -> StoreAnswer {
        let consumer = vocabulary.consumer
        var answer = StoreAnswer.done
        switch call {
        case .watermarks(let mask):
            memory.read = try transaction.watermarks(consumer, of: vocabulary.named(mask))
            for (aggregate, row) in memory.read {
                answer[row: vocabulary.index(of: aggregate)] = ExplorerVocabulary.packed(row)
            }
        case .claim(let mask, _):
            let expected = vocabulary.named(mask).map { memory.read[$0] ?? Watermark(aggregate: $0) }
            answer[0] = UInt64(vocabulary.mask(of: try transaction.claim(consumer, expected).keys))
        case .openDeadLetters(let mask):
            for key in try transaction.openDeadLetters(consumer, of: vocabulary.named(mask)) {
                let message = ExplorerVocabulary.message(at: key.streamSequence)
                answer[0] |= 1 << UInt64(message)
                if key.reason == .failed { answer[1] |= 1 << UInt64(message) }
            }
        case .parked(let aggregate, let version):
            let rows = try transaction.parked(
                consumer, of: vocabulary.aggregates[aggregate], from: ExplorerVocabulary.version(version), limit: 128)
            for row in rows { answer[parked: Int(row.version.number) - 1] = ExplorerVocabulary.packed(row) }
        case .effect(let message):
            let arguments = [
                vocabulary.world.messages[message].aggregate, vocabulary.world.messages[message].version, message,
            ]
            try transaction.execute(insertEffect, arguments: arguments.map { .integer(Int64($0)) })
        case .park(let rows):
            let there = try transaction.park(consumer, rows.map(vocabulary.parkedEvent))
            for (position, row) in rows.enumerated() {
                let event = vocabulary.parkedEvent(row)
                if let row = there.first(where: { $0.aggregate == event.aggregate && $0.version == event.version }) {
                    answer[parked: position] = ExplorerVocabulary.packed(row)
                } else {
                    memory.parked.insert(row)
                }
            }
        case .deleteParked(let aggregate, let version):
            answer[0] = UInt64(
                try transaction.deleteParked(
                    consumer, of: vocabulary.aggregates[aggregate], through: ExplorerVocabulary.version(version)))
        case .parkedCount, .leftoverDrains, .dueRetries, .gaps:
            answer = try wake(call, transaction, vocabulary, state)
        case .outcome, .end: break
        }
        return answer
    }

    private static func wake(
        _ call: StoreCall, _ transaction: any StoreTransaction, _ vocabulary: ExplorerVocabulary, _ state: ExplorerState
    ) throws -> StoreAnswer {
        let (consumer, now) = (vocabulary.consumer, ExplorerVocabulary.now)
        var answer = StoreAnswer.done
        if call == .parkedCount { return StoreAnswer(UInt64(try transaction.parkedCount(consumer))) }
        if call == .leftoverDrains {
            let found = try transaction.leftoverDrains(consumer, limit: 64)
            return StoreAnswer(UInt64(vocabulary.mask(of: found)))
        }
        if call == .dueRetries {
            let found = try transaction.dueRetries(consumer, now: now, maxDelay: .seconds(60), limit: 64)
            return StoreAnswer(UInt64(vocabulary.mask(of: found)))
        }
        for gap in try transaction.gaps(consumer, parkedBefore: now.advanced(by: .seconds(1)), limit: 64) {
            let aggregate = vocabulary.index(of: gap.aggregate)
            let slot = ExplorerVocabulary.slot(aggregate: aggregate, version: Int(gap.lowestParked.number))
            answer[aggregate] =
                UInt64(gap.watermark.number) | UInt64(state.parked[slot].message + 1) << 8
        }
        return answer
    }
}

/// What a session's calls tell each other.
///
/// `@unchecked Sendable`: the test waits for each call before it makes the next, so only one thread has it at a time.
final class ShadowMemory: @unchecked Sendable {
    var read: [Aggregate: Watermark] = [:]
    /// Rows that the last call has parked, and that the body has not told yet.
    var parked: Set<PackedParked> = []

    /// The row that a claim writes: what was read, or a fresh one.
    func claimed(_ aggregate: Aggregate) -> PackedRow {
        ExplorerVocabulary.packed(read[aggregate] ?? Watermark(aggregate: aggregate))
    }
}

/// One transaction of the memory store that waits, on its own thread, for what it is told.
final class ShadowSession: Sendable {
    typealias Command = @Sendable (any StoreTransaction, ShadowMemory) throws -> StoreAnswer

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
            let memory = ShadowMemory()
            try await store.transaction { transaction in
                while true {
                    switch orders.take() {
                    case .run(let command, let caller):
                        caller.resume(with: Result { try command(transaction, memory) })
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

extension ExplorerVocabulary {
    func named(_ mask: UInt8) -> [Aggregate] { UInt64(mask).members.map { aggregates[$0] } }
}

extension ConformanceFailure {
    static func missing(_ what: String) -> ConformanceFailure {
        ConformanceFailure(expected: what, found: "none", place: "StoreShadow")
    }
}
