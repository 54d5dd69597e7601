import Synchronization
import TertibRuntime
import TertibPostgres
import TertibTesting
import TestServers

/// A transaction that goes one step at a time, when it is told to; the last step is its commit.
final class SteppedSession: Sendable {
    typealias Step = @Sendable (any StoreTransaction) throws -> Void

    /// How it ended.
    enum End: Equatable {
        case committed
        case failed(StoreError.Code)
    }

    private let starts: [Gate]
    private let ends: [Gate]
    private let next = Mutex(0)
    private let end = Mutex<End?>(nil)
    /// The server's process that runs it.
    private let process = Mutex<Int64?>(nil)
    private let steps: [Step]
    private let store: PostgresStore

    init(_ store: PostgresStore, _ steps: [Step]) {
        self.store = store
        self.steps = steps
        starts = (0...steps.count).map { _ in Gate() }
        ends = (0...steps.count).map { _ in Gate() }
    }

    /// How it ended, once it has.
    var outcome: End? { end.withLock { $0 } }

    /// Whether the step that was begun last has not ended.
    var isBusy: Bool {
        let begun = next.withLock { $0 }
        return begun > 0 && !ends[begun - 1].isOpen
    }

    /// Runs the transaction, waiting for each step to be begun.
    func run() async {
        let outcome: End
        do {
            try await store.transaction { [self, steps, starts, ends] transaction in
                let row = try transaction.query("SELECT pg_backend_pid() AS pid", arguments: []).first
                process.withLock { $0 = row?["pid"].integer }
                for (index, step) in steps.enumerated() {
                    try starts[index].waitOnThread(for: "step \(index) to be begun")
                    try step(transaction)
                    ends[index].open()
                }
                try starts[steps.count].waitOnThread(for: "the commit to be begun")
            }
            outcome = .committed
        } catch {
            outcome = .failed((error as? StoreError)?.code ?? .corrupt)
        }
        end.withLock { $0 = outcome }
        for gate in ends { gate.open() }
    }

    /// Begins the next step, and waits until it has ended, or waits for a lock of the server's.
    func step(watching observer: PostgresStore) async throws {
        let index = next.withLock { next in
            defer { next += 1 }
            return next
        }
        guard index < starts.count else { return }
        starts[index].open()
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            // A step that takes longer than most may be waiting for a lock; then the other session has its turn.
            if (try? await ends[index].wait(atMost: .milliseconds(8), for: "the step")) != nil { return }
            if try await isWaitingForLock(observer) { return }
            guard ContinuousClock.now < deadline else { throw TestServerError("step \(index) does not end") }
        }
    }

    private func isWaitingForLock(_ observer: PostgresStore) async throws -> Bool {
        guard let process = process.withLock({ $0 }) else { return false }
        return try await observer.read { reader in
            !(try reader.query(
                "SELECT 1 FROM pg_locks WHERE pid = ? AND NOT granted LIMIT 1", arguments: [.integer(process)])).isEmpty
        }
    }
}

/// Runs two transactions in one of the orders in which their steps can follow one another.
enum Interleaving {
    /// All orders of so many steps of the first (`false`) and the second (`true`).
    static func orders(_ first: Int, _ second: Int) -> [[Bool]] {
        if first == 0 || second == 0 {
            return [Array(repeating: false, count: first) + Array(repeating: true, count: second)]
        }
        return orders(first - 1, second).map { [false] + $0 } + orders(first, second - 1).map { [true] + $0 }
    }

    /// Runs two sessions in this order. A session that waits for a lock gets its turns later.
    static func run(_ sessions: [SteppedSession], order: [Bool], watching observer: PostgresStore) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for session in sessions { group.addTask { await session.run() } }
            var turns = order
            var postponed = 0
            while !turns.isEmpty {
                let turn = turns.removeFirst()
                let session = sessions[turn ? 1 : 0]
                if session.isBusy, turns.contains(!turn) || postponed < 1000 {
                    postponed += 1
                    turns.append(turn)
                    continue
                }
                postponed = 0
                try await session.step(watching: observer)
            }
            try await group.waitForAll()
        }
    }

    /// Runs `body` for each of the orders, a few at the same time: most of it is waiting for locks.
    static func each(
        _ orders: [[Bool]], _ body: @escaping @Sendable (Int, [Bool]) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, order) in orders.enumerated() {
                if index >= width { try await group.next() }
                group.addTask { try await body(index, order) }
            }
            try await group.waitForAll()
        }
    }

    /// Two connections each, and one that watches; a store has eight.
    private static let width = 3
}
