import Synchronization
import Tertib
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
            try await store.transaction { [steps, starts, ends] transaction in
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
    func step(_ isWaitingForLock: () async throws -> Bool) async throws {
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
            if try await isWaitingForLock() { return }
            guard ContinuousClock.now < deadline else { throw TestServerError("step \(index) does not end") }
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
                try await session.step { try await isAnybodyWaiting(observer) }
            }
            try await group.waitForAll()
        }
    }

    private static func isAnybodyWaiting(_ observer: PostgresStore) async throws -> Bool {
        try await observer.read { reader in
            let rows = try reader.query(
                """
                SELECT count(*) AS n FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
                WHERE NOT l.granted AND a.datname = current_database()
                """, arguments: [])
            return rows.first?["n"].integer ?? 0 > 0
        }
    }
}
