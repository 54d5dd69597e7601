/// Compares two databases by everything that two or three transactions can do to each other: every script in every order of its
/// turns, on both, with the same outcome. An outcome is what came of each step, who waited and when, how each
/// transaction ended, and what is in the tables afterwards.
///
/// Transactions run on the stores' threads; nothing blocks the cooperative pool.
public enum Permutations {
    /// Runs interleavings of `scripts` on both databases.
    ///
    /// Whom a database ends in a circle of waits depends on when it looks, and who of two that wait goes first may be
    /// chance: such an interleaving is repeated before it counts as a mismatch.
    /// - Parameters:
    ///   - stride: 1 for all orders of a script's turns, `n` for every n-th.
    ///   - limit: At most so many orders of each script, evenly spread.
    /// - Throws: what a database throws outside of the transactions under test, and ``EventuallyError`` for a step that
    ///   neither ends nor waits.
    public static func compare(
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
