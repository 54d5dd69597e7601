/// Compares two databases by everything that two transactions can do to each other: every script in every order of its
/// turns, on both, with the same outcome. An outcome is what came of each step, who waited and when, how each
/// transaction ended, and what is in the tables afterwards.
///
/// Transactions run on the stores' threads; nothing blocks the cooperative pool.
public enum Permutations {
    /// Runs interleavings of `scripts` on both databases.
    ///
    /// Whom a database ends in a circle of waits depends on when it looks: such an interleaving is repeated a few times
    /// before it counts as a mismatch.
    /// - Parameter stride: 1 for all orders of a script's turns, `n` for every n-th.
    /// - Throws: what a database throws outside of the transactions under test, and ``EventuallyError`` for a step that
    ///   neither ends nor waits.
    public static func compare(
        _ scripts: [PermutationScript], on left: PermutationDatabase, with right: PermutationDatabase, stride: Int = 1
    ) async throws -> PermutationReport {
        var report = PermutationReport()
        for script in scripts {
            for (number, order) in script.orders.enumerated() where number.isMultiple(of: stride) {
                let expected = try await PermutationRun.outcome(of: script, in: order, on: left)
                var found = try await PermutationRun.outcome(of: script, in: order, on: right)
                report.count(found)
                var repetitions = 0
                while found != expected, found.hasConflict, expected.hasConflict, repetitions < repetitionLimit {
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

    private static let repetitionLimit = 8

    private static func words(_ script: PermutationScript, _ order: [Bool]) -> String {
        let turns = order.map { $0 ? "2" : "1" }.joined()
        return """
            \(script.name), in the order \(turns)
              before: \(script.setup)
              first: \(script.first)
              second: \(script.second)

            """
    }

    private static func words(_ outcome: PermutationRun.Outcome, on name: String) -> String {
        func story(_ story: PermutationSession.Story) -> String {
            let waits = story.waits.isEmpty ? "" : ", waited in turn \(story.waits)"
            return "\(story.end ?? "open")\(waits): \(story.steps)"
        }
        return """
              on \(name):
                first \(story(outcome.first))
                second \(story(outcome.second))
                \(outcome.state.joined(separator: "\n    "))

            """
    }
}
