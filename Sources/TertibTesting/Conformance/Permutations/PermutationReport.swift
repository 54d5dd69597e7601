/// What a comparison of two databases has found.
public struct PermutationReport: Sendable {
    /// How many interleavings were run on each of the two.
    public private(set) var interleavings = 0
    /// In how many of them a transaction waited for another one.
    public private(set) var waits = 0
    /// In how many of them two transactions waited at once.
    public private(set) var queues = 0
    /// In how many of them the database ended a transaction with a conflict.
    public private(set) var conflicts = 0
    /// In how many of them a claim was lost.
    public private(set) var lostClaims = 0
    /// The interleavings with two outcomes: the script, and both of them.
    public internal(set) var mismatches: [String] = []

    mutating func count(_ outcome: PermutationRun.Outcome) {
        interleavings += 1
        if outcome.stories.contains(where: { !$0.waits.isEmpty }) { waits += 1 }
        if outcome.isQueue { queues += 1 }
        if outcome.hasConflict { conflicts += 1 }
        if outcome.stories.contains(where: { $0.steps.contains("won nothing") }) { lostClaims += 1 }
    }
}
