/// A small world of relays: which versions are staged, how many relays publish them, and what may go wrong how often.
package struct RelayWorld: Hashable, Sendable {
    package var name: String
    /// How many versions each aggregate has.
    package var versions: [Int]
    package var relays = 2
    /// At most so many aggregates are published in one round.
    package var inFlight = 1024
    package var crashes = 0
    /// Publishes of which no answer comes: stored, not stored, or stored later.
    package var lostAnswers = 0
    /// Transactions of which no answer comes: committed, or not.
    package var unknownCommits = 0
    /// How often the broker's memory of event ids may end.
    package var forgottenIDs = 0

    package init(_ name: String, _ versions: [Int], _ change: (inout RelayWorld) -> Void = { _ in }) {
        self.name = name
        self.versions = versions
        change(&self)
    }

    /// At most so many aggregates, and versions of each.
    static let limits = (aggregates: 2, versions: 3)

    /// The worlds that are explored to the end.
    package static var explored: [RelayWorld] {
        [
            RelayWorld("two relays, two versions, a lost answer", [2]) { $0.lostAnswers = 1 },
            RelayWorld("two relays, three versions, a crash, a lost answer", [3]) {
                $0.crashes = 1
                $0.lostAnswers = 1
            },
            RelayWorld("two relays, two versions, two lost answers, a forgetful broker, a lost commit", [2]) {
                $0.lostAnswers = 2
                $0.forgottenIDs = 1
                $0.unknownCommits = 1
            },
            RelayWorld("two relays, two aggregates, one a round, a crash, a lost answer", [2, 1]) {
                $0.inFlight = 1
                $0.crashes = 1
                $0.lostAnswers = 1
            },
            RelayWorld("two relays, two aggregates, two crashes, a lost answer, a forgetful broker", [2, 2]) {
                $0.crashes = 2
                $0.lostAnswers = 1
                $0.forgottenIDs = 1
            },
        ]
    }
}
