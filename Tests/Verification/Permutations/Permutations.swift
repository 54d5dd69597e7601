import Synchronization
package import TertibRuntime
package import TertibTesting

/// Compares two databases by everything that two or three transactions can do to each other: every script in every order
/// of its turns, on both, with the same outcome. An outcome is the result of each step, which transaction waited and when,
/// how each of them ended, and what is in the tables afterwards.
///
/// Transactions run on the stores' threads; nothing blocks the cooperative pool.
package enum Permutations {
    /// Runs interleavings of `scripts` on both databases.
    ///
    /// Which transaction of a deadlock a database ends depends on when it detects it, and which of two that wait goes first
    /// may be chance: such an interleaving is repeated before it counts as a mismatch.
    /// - Parameters:
    ///   - stride: 1 for all orders of a script's turns, `n` for every n-th.
    ///   - limit: Maximum number of orders of each script, evenly spread.
    /// - Throws: what a database throws outside of the transactions under test, and ``EventuallyError`` for a step that
    ///   neither ends nor waits.
    package static func compare(
        _ scripts: [PermutationScript], on left: PermutationDatabase, with right: PermutationDatabase, stride: Int = 1,
        limit: Int = .max
    ) async throws -> PermutationReport {
        var report = PermutationReport()
        for script in scripts {
            let orders = script.orders
            let stride = max(stride, orders.count / limit + (orders.count.isMultiple(of: limit) ? 0 : 1))
            for (number, order) in orders.enumerated() where number.isMultiple(of: stride) {
                let expected = try await PermutationRun.outcome(of: script, in: order, on: left)
                var found = try await PermutationRun.outcome(of: script, in: order, on: right)
                report.count(found)
                var repetitions = 0
                while found != expected, isChance(found, expected), repetitions < repetitionLimit {
                    repetitions += 1
                    found = try await PermutationRun.outcome(of: script, in: order, on: right)
                }
                if expected != found {
                    report.mismatches.append(
                        words(script, order) + words(expected, on: left.name) + words(found, on: right.name))
                }
            }
        }
        return report
    }

    private static let repetitionLimit = 24

    private static func isChance(_ one: PermutationRun.Outcome, _ other: PermutationRun.Outcome) -> Bool {
        one.hasConflict && other.hasConflict || one.isQueue || other.isQueue
    }

    private static func words(_ script: PermutationScript, _ order: [Int]) -> String {
        let turns = order.map { "\($0 + 1)" }.joined()
        return """
            \(script.name), in the order \(turns)
              before: \(script.setup)
              \(script.transactions.map { "\($0)" }.joined(separator: "\n  "))

            """
    }

    private static func words(_ outcome: PermutationRun.Outcome, on name: String) -> String {
        func story(_ story: PermutationSession.Story) -> String {
            let waits = story.waits.isEmpty ? "" : ", waited in turn \(story.waits)"
            return "\(story.end ?? "open")\(waits): \(story.steps)"
        }
        return """
              on \(name):
                \(outcome.stories.map(story).joined(separator: "\n    "))
                \(outcome.state.joined(separator: "\n    "))

            """
    }
}

/// What a comparison of two databases has found.
package struct PermutationReport: Sendable {
    /// How many interleavings were run on each of the two.
    package private(set) var interleavings = 0
    /// In how many of them a transaction waited for another one.
    package private(set) var waits = 0
    /// In how many of them two transactions waited at once.
    package private(set) var queues = 0
    /// In how many of them the database ended a transaction with a conflict.
    package private(set) var conflicts = 0
    /// In how many of them a claim was lost.
    package private(set) var lostClaims = 0
    /// The interleavings with two outcomes: the script, and both of them.
    package internal(set) var mismatches: [String] = []

    mutating func count(_ outcome: PermutationRun.Outcome) {
        interleavings += 1
        if outcome.stories.contains(where: { !$0.waits.isEmpty }) { waits += 1 }
        if outcome.isQueue { queues += 1 }
        if outcome.hasConflict { conflicts += 1 }
        if outcome.stories.contains(where: { $0.steps.contains("won nothing") }) { lostClaims += 1 }
    }
}

/// What a permutation runs on: a database that can be emptied, opened by several replicas, and asked for the number of
/// transactions that wait.
package struct PermutationDatabase: Sendable {
    /// What it is called in a mismatch.
    package let name: String
    /// Whether a claim of a row that another transaction holds waits for a moment, and then counts as lost.
    let claimsEndByThemselves: Bool
    let waiting: @Sendable () async throws -> Int
    let empty: @Sendable () async throws -> [any ConsumerStore]

    /// Creates a description.
    /// - Parameters:
    ///   - claimsEndByThemselves: Whether a claim of a row that another transaction holds waits for a moment and then
    ///     counts as lost; then it is never taken for one that waits for that transaction's end.
    ///   - waiting: How many transactions wait for another one now. Only asked while several are open and one of them
    ///     does not come back from a step, so a database with one writer at a time may say `Int.max` always.
    ///   - empty: Empties all tables, those of ``ConformanceSQL`` included, and opens a store for each transaction of the
    ///     largest script, the same ones each time or others. Closing them is the caller's.
    package init(
        _ name: String, claimsEndByThemselves: Bool = false, waiting: @escaping @Sendable () async throws -> Int,
        empty: @escaping @Sendable () async throws -> [any ConsumerStore]
    ) {
        self.name = name
        self.claimsEndByThemselves = claimsEndByThemselves
        self.waiting = waiting
        self.empty = empty
    }

    /// A new ``MemoryStore`` for each interleaving.
    package static func memory(_ isolation: MemoryStore.Isolation) -> PermutationDatabase {
        let current = CurrentMemory()
        return PermutationDatabase(
            isolation == .serial ? "memory, one writer" : "memory, read committed",
            waiting: { current.store?.waitingTransactions ?? 0 },
            empty: {
                let store = MemoryStore(isolation: isolation)
                current.store = store
                return [store, store.replica(), store.replica()]
            })
    }
}

/// The memory store of the interleaving that runs.
private final class CurrentMemory: Sendable {
    private let held = Mutex<MemoryStore?>(nil)

    var store: MemoryStore? {
        get { held.withLock { $0 } }
        set { held.withLock { $0 = newValue } }
    }
}
